//! Newcomers listen first. The protocol keeps them from speaking and dealing; a strict server from all that others
//! would notice.

use super::{Hub, identify::LURK};
use crate::frame::Refusal;

/// What a newcomer may do on a strict server: come in, look and listen, and prove its key to whoever asks.
const ALWAYS: [&str; 11] = [
    "PING",
    "IDENTIFY",
    "VERIFY_IDENTITY",
    "CAPTCHA_RESPONSE",
    "LIST_CHANNELS",
    "LIST_AGENTS",
    "JOIN",
    "LEAVE",
    "SEARCH_SKILLS",
    "VERIFY_REQUEST",
    "VERIFY_RESPONSE",
];

impl Hub {
    /// `LURK_MODE` for what a newcomer may not do on a strict server. Operators need no identity.
    pub(super) fn quiet(&self, id: u64, type_: &str) -> Result<(), Refusal> {
        let free = ALWAYS.contains(&type_) || type_.starts_with("ADMIN_");
        if !self.settings.lurk.strict || free {
            return Ok(());
        }
        match self.agent(id) {
            Ok(agent) if self.lurks(agent) => Err(("LURK_MODE", LURK.to_owned())),
            _ => Ok(()),
        }
    }
}
