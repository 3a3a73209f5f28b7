//! Bounds of the server, in one place: what may wait, and for how long.

use std::time::Duration;

/// Bounds of the server.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes that may wait for one session to read; one that falls further behind is cut off with 4008.
    /// What a session asked for as history does not count: it is sent at the pace of the socket.
    pub queue_bytes: usize,
    /// The largest frame taken in, in bytes.
    pub frame_bytes: usize,
    /// Bytes of frames that may wait for the hub, of all sessions together; sessions wait when it is full.
    pub inbox_bytes: usize,
    /// Connections at a time.
    pub connections: usize,
    /// A TLS handshake and a WebSocket handshake, each.
    pub handshake: Duration,
    /// Writing one frame to a socket; a client that has taken none for so long is dropped.
    pub write: Duration,
    /// Between two signs of life asked of a client; one that misses two in a row is dropped.
    pub ping: Duration,
    /// From the last frame, the close, to the end of the TCP connection.
    pub close: Duration,
    /// From SIGTERM to the end of the process.
    pub shutdown: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            queue_bytes: 8 * 1024 * 1024,
            frame_bytes: 2_097_152,
            inbox_bytes: 64 * 1024 * 1024,
            connections: 20_000,
            handshake: Duration::from_secs(10),
            write: Duration::from_secs(30),
            ping: Duration::from_secs(30),
            close: Duration::from_secs(3),
            shutdown: Duration::from_secs(5),
        }
    }
}
