//! Bounds of the server, in one place: how much, how often, how long.

use std::time::Duration;

/// Bounds of the server. Lengths of texts are in UTF-16 units, as the protocol counts.
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
    /// Connections that have not shaken hands yet.
    pub handshakes: usize,
    /// How long a connection may be open before it says who it is.
    pub unidentified: Duration,
    /// Connections of one address; 0 for any number.
    pub connections_per_address: usize,
    /// A TLS handshake and a WebSocket handshake, each.
    pub handshake: Duration,
    /// Writing one frame to a socket; a client that has taken none for so long is dropped.
    pub write: Duration,
    /// Between two signs of life asked of a client; one that misses two in a row is dropped.
    pub ping: Duration,
    /// From the last frame, the close, to the end of the TCP connection.
    pub close: Duration,
    /// From SIGTERM on, for what still waits for a session.
    pub flush: Duration,
    /// From SIGTERM to the end of the process.
    pub shutdown: Duration,
    /// What frames and bytes are counted over.
    pub window_ms: i64,
    /// Frames of an identified session in a window; 0 for any number.
    pub frames: usize,
    /// Frames of a session in a window before that.
    pub early_frames: usize,
    /// Bytes of an identified session in a window; 0 for any number.
    pub bytes: usize,
    /// Bytes of a session in a window before that.
    pub early_bytes: usize,
    /// Wrong admin keys that a connection may give.
    pub wrong_keys: u32,
    /// Wrong admin keys of one address in a minute; 0 for any number.
    pub guesses: u32,
    /// Between two messages of an agent; 0 or less for no limit.
    pub message_ms: i64,
    /// Between two changes of an agent's nick.
    pub nick_ms: i64,
    /// Between two chunks of an agent's files.
    pub chunk_ms: i64,
    /// Content of a message.
    pub content: usize,
    /// Small texts that are passed on, such as `sig` and `in_reply_to`, in bytes.
    pub field: usize,
    /// Text of a presence.
    pub status_text: usize,
    /// Nonces of identity checks between agents.
    pub nonce: (usize, usize),
    /// Identity checks of one agent that may wait.
    pub verifications: usize,
    /// Claims of the floor of one agent.
    pub claims: usize,
    /// How long a claim holds.
    pub claim: Duration,
    /// Longest delay of a callback, in seconds.
    pub callback_s: u32,
    /// Text of a callback.
    pub callback_text: usize,
    /// Callbacks of one agent that may wait.
    pub callbacks: usize,
    /// Callbacks of all agents that may wait.
    pub all_callbacks: usize,
    /// Callbacks are due at multiples of this.
    pub callback_tick: Duration,
    /// Channels of the server.
    pub channels: usize,
    /// Channels that one agent which is not verified may make, while the server runs.
    pub channels_per_agent: usize,
    /// Agent ids that are kept, in bytes.
    pub agent_id: usize,
    /// What an operator says of a kick or a ban; the rest is cut off.
    pub reason: usize,
    /// What an operator notes of a key; the rest is cut off.
    pub note: usize,
    /// The message of the day, when it is set over the wire.
    pub motd: usize,
    /// Invitations of a channel.
    pub invitations: usize,
    /// Direct messages from one agent to another in a minute.
    pub direct: u32,
    /// Ids that clients give their messages, in bytes.
    pub client_id: usize,
    /// Messages with such an id that are remembered, so that they are not said twice.
    pub sent: usize,
    /// Keys whose first sight is remembered.
    pub seen: usize,
    /// Keys on the allowlist, bans, and grants, each.
    pub listed: usize,
    /// Notices of one channel that are told one by one; more at a time are told as one.
    pub notices: usize,
    /// Between two rounds of notices.
    pub notice: Duration,
    /// Members that one nudge names.
    pub nudged: usize,
    /// Between two looks for silent channels, at most.
    pub idle_check: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            queue_bytes: 8 * 1024 * 1024,
            frame_bytes: 2_097_152,
            inbox_bytes: 64 * 1024 * 1024,
            connections: 20_000,
            handshakes: 4096,
            unidentified: Duration::from_secs(600),
            connections_per_address: 0,
            handshake: Duration::from_secs(10),
            write: Duration::from_secs(30),
            ping: Duration::from_secs(30),
            close: Duration::from_secs(3),
            flush: Duration::from_secs(1),
            shutdown: Duration::from_secs(5),
            window_ms: 10_000,
            frames: 60,
            early_frames: 10,
            bytes: 64 * 1024 * 1024,
            early_bytes: 4 * 1024 * 1024,
            wrong_keys: 5,
            guesses: 100,
            message_ms: 1000,
            nick_ms: 30_000,
            chunk_ms: 100,
            content: 2_097_152,
            field: 512,
            status_text: 100,
            nonce: (16, 128),
            verifications: 16,
            claims: 64,
            claim: Duration::from_secs(45),
            callback_s: 3600,
            callback_text: 500,
            callbacks: 50,
            all_callbacks: 100_000,
            callback_tick: Duration::from_secs(1),
            channels: 4096,
            channels_per_agent: 16,
            agent_id: 64,
            reason: 500,
            note: 200,
            motd: 4000,
            invitations: 1000,
            direct: 60,
            client_id: 64,
            sent: 100_000,
            seen: 1_000_000,
            listed: 100_000,
            notices: 8,
            notice: Duration::from_millis(100),
            nudged: 50,
            idle_check: Duration::from_secs(60),
        }
    }
}
