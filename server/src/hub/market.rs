//! The marketplace: skills, proposals, reputation, disputes.

use serde_json::{Map, Value};

use super::Hub;
use crate::frame::{Refusal, invalid};

/// Whether a message is of the marketplace.
pub fn knows(type_: &str) -> bool {
    matches!(
        type_,
        "REGISTER_SKILLS"
            | "SEARCH_SKILLS"
            | "PROPOSAL"
            | "ACCEPT"
            | "REJECT"
            | "COMPLETE"
            | "DISPUTE"
            | "DISPUTE_INTENT"
            | "DISPUTE_REVEAL"
            | "EVIDENCE"
            | "ARBITER_ACCEPT"
            | "ARBITER_DECLINE"
            | "ARBITER_VOTE"
    )
}

impl Hub {
    /// Carries out a message of the marketplace.
    pub(super) fn trade(
        &mut self,
        _id: u64,
        type_: &str,
        _fields: &Map<String, Value>,
    ) -> Result<(), Refusal> {
        Err(invalid(&format!("{type_} is not offered by this server")))
    }
}
