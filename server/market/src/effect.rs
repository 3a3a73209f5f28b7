//! What is to happen because of a request or of time passing.

use crate::record::{Key, Record};

/// One thing to do. Their order is the order of doing.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Keep a record, in the place of one with the same key.
    Store(Record),
    /// Keep this record no longer.
    Remove(Key),
    /// Send a frame to an agent, if it is online.
    Send {
        /// Agent id, with `@`.
        to: String,
        /// The frame, JSON.
        frame: String,
    },
    /// Say something in a channel, as `@server`.
    Announce {
        /// The channel, with `#`.
        channel: &'static str,
        /// What is said.
        content: String,
        /// Whether it belongs to the channel's history.
        kept: bool,
    },
    /// Tell whoever follows escrows: a JSON object with an `event`.
    Hook(String),
}
