//! What a session can be told.

use bytes::Bytes;

use crate::wire::Encoded;

/// What a frame weighs besides its text.
pub const OVERHEAD: usize = 64;

/// What the hub tells a session.
#[derive(Clone, Debug)]
pub enum OutboundFrame {
    /// Send this frame, encoded once for everybody.
    Text(Encoded),
    /// Send these frames, which are history that was asked for: they have no weight.
    Replay(Bytes),
    /// Send this as it is: an answer of the WebSocket layer, or the rest of what was begun.
    Raw(Bytes),
    /// Report once all before this is with the operating system; the hub sends more history then.
    More,
    /// Ask the client for a sign of life, and report it.
    Probe,
    /// Close with this code and reason, after what waits.
    Close(u16, &'static str),
}

impl OutboundFrame {
    /// What it adds to the bytes that may wait.
    pub fn weight(&self) -> usize {
        match self {
            Self::Text(text) => text.payload_len() + OVERHEAD,
            Self::Raw(bytes) => bytes.len() + OVERHEAD,
            Self::Replay(_) | Self::More | Self::Probe | Self::Close(..) => 0,
        }
    }

    /// What goes over the wire, if there is something.
    pub fn bytes(&self) -> Option<&Bytes> {
        match self {
            Self::Text(text) => Some(text.bytes()),
            Self::Replay(bytes) | Self::Raw(bytes) => Some(bytes),
            Self::More | Self::Probe | Self::Close(..) => None,
        }
    }

    /// Bytes on the wire.
    pub fn size(&self) -> usize {
        self.bytes().map_or(0, Bytes::len)
    }

    /// Whether there is more to do than to send.
    pub fn is_more_than_bytes(&self) -> bool {
        matches!(self, Self::Probe | Self::Close(..))
    }
}
