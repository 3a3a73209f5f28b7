//! What a session can be told.

use bytes::Bytes;

use crate::wire::Encoded;

/// What a frame weighs besides its text.
pub const OVERHEAD: usize = 64;

/// What the hub tells a session.
#[derive(Clone, Debug)]
pub enum Out {
    /// Send this frame, encoded once for everybody.
    Text(Encoded),
    /// Send this frame, which is history that was asked for: it has no weight.
    Replay(Encoded),
    /// Send this as it is: an answer of the WebSocket layer, or the rest of what was begun.
    Raw(Bytes),
    /// Report once all before this is with the operating system; the hub sends more history then.
    More,
    /// Ask the client for a sign of life, and report it.
    Probe,
    /// Close with this code and reason, after what waits.
    Close(u16, &'static str),
}

impl Out {
    /// What it adds to the bytes that may wait.
    pub fn weight(&self) -> usize {
        match self {
            Self::Text(text) => text.payload_len() + OVERHEAD,
            Self::Raw(bytes) => bytes.len() + OVERHEAD,
            Self::Replay(_) | Self::More | Self::Probe | Self::Close(..) => 0,
        }
    }

    /// Bytes on the wire.
    pub fn size(&self) -> usize {
        match self {
            Self::Text(text) | Self::Replay(text) => text.bytes().len(),
            Self::Raw(bytes) => bytes.len(),
            Self::More | Self::Probe | Self::Close(..) => 0,
        }
    }

    /// The frame, if there is nothing to do but to send it.
    pub fn frame(&self) -> Option<&Encoded> {
        match self {
            Self::Text(frame) | Self::Replay(frame) => Some(frame),
            Self::Raw(_) | Self::More | Self::Probe | Self::Close(..) => None,
        }
    }
}
