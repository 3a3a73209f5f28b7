//! Bounds of the client, in one place: how much may wait, and for how long.

use std::time::Duration;

/// Bounds of the client.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of events that may wait for the reader; then reading from the server pauses.
    pub events_bytes: usize,
    /// TCP, TLS and WebSocket together.
    pub connect: Duration,
    /// Silence of the server while it is to let us in.
    pub silence: Duration,
    /// From the first word to WELCOME, whatever signs of life there are: a server may hold a newcomer for up
    /// to a minute while an older session of the same identity lives.
    pub welcome: Duration,
    /// From a request to its answer.
    pub answer: Duration,
    /// From a request for history to its end, as long as it goes on.
    pub history: Duration,
    /// Writing one frame.
    pub write: Duration,
    /// Between two signs of life asked of the server; after two that were missed the connection is given up.
    pub ping: Duration,
    /// The close frame, at the end.
    pub close: Duration,
    /// Pause after a connection that broke; doubled each time, up to the longest.
    pub first_backoff: Duration,
    /// The longest pause.
    pub longest_backoff: Duration,
    /// A connection that stood for so long makes the next pause the first again.
    pub settled: Duration,
    /// Automatic JOINs in [`Limits::join_window`]; servers close connections that send too many frames.
    pub joins: usize,
    /// See [`Limits::joins`].
    pub join_window: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            events_bytes: 8 * 1024 * 1024,
            connect: Duration::from_secs(10),
            silence: Duration::from_secs(10),
            welcome: Duration::from_secs(75),
            answer: Duration::from_secs(30),
            history: Duration::from_secs(600),
            write: Duration::from_secs(10),
            ping: Duration::from_secs(30),
            close: Duration::from_secs(1),
            first_backoff: Duration::from_millis(250),
            longest_backoff: Duration::from_secs(15),
            settled: Duration::from_secs(10),
            joins: 30,
            join_window: Duration::from_secs(11),
        }
    }
}
