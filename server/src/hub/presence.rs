//! What agents say they are up to.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::Hub;
use crate::frame::{Refusal, invalid, make, text};

impl Hub {
    pub(super) fn presence(&mut self, id: u64, fields: &Map<String, Value>) -> Result<(), Refusal> {
        let status = text(fields, "status").unwrap_or_default();
        if !["online", "away", "busy", "offline", "listening"].contains(&status) {
            return Err(invalid(
                "Invalid presence status: online, away, busy, offline or listening",
            ));
        }
        let said = match fields.get("status_text") {
            None | Some(Value::Null) => None,
            Some(Value::String(said)) if said.encode_utf16().count() <= 100 => {
                Some(said.clone()).filter(|s| !s.is_empty())
            }
            Some(_) => {
                return Err(invalid(
                    "status_text must be a string of at most 100 characters",
                ));
            }
        };
        let agent = self.agent_mut(id)?;
        (agent.presence, agent.status_text) = (status.to_owned(), said);
        let frame = json!({"agent_id": agent.at(), "name": agent.name,
            "presence": agent.presence, "status_text": agent.status_text});
        let rooms = self.rooms.iter();
        let shared = rooms.filter(|room| room.members.contains(&id));
        let mut others: BTreeSet<u64> = shared.flat_map(|r| r.members.iter().copied()).collect();
        others.remove(&id);
        self.tell_all(others, &make("PRESENCE_CHANGED", frame));
        Ok(())
    }
}
