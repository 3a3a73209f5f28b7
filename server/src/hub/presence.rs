//! What agents say they are up to, and what they are called.

use serde_json::{Map, Value, json};

use super::{Hub, allowance::Act, names::is_reserved};
use crate::frame::{self, Refusal, invalid, is_name, longer, make, text};

/// What one may be.
const STATUS: [&str; 5] = ["online", "away", "busy", "offline", "listening"];

impl Hub {
    pub(super) fn presence(&mut self, id: u64, fields: &Map<String, Value>) -> Result<(), Refusal> {
        let status = fields.get("status").and_then(Value::as_str);
        let status = status.filter(|status| STATUS.contains(status));
        let status = status.ok_or_else(|| {
            let allowed = STATUS.join(", ");
            invalid(&format!("Invalid presence status; allowed are {allowed}"))
        })?;
        let most = self.settings.limits.status_text;
        let status_text = match fields.get("status_text") {
            None | Some(Value::Null) => None,
            Some(Value::String(status_text)) if !longer(status_text, most) => {
                Some(status_text.clone()).filter(|s| !s.is_empty())
            }
            Some(_) => {
                let text = format!("status_text must be a string of at most {most} characters");
                return Err(invalid(&text));
            }
        };
        let agent = self.agent_mut(id)?;
        (agent.presence, agent.status_text) = (status.to_owned(), status_text);
        let frame = json!({"agent_id": agent.at(), "name": agent.name,
            "presence": agent.presence, "status_text": agent.status_text});
        let others = self.neighbours(id);
        self.tell_all(others, &make("PRESENCE_CHANGED", frame));
        Ok(())
    }

    pub(super) fn nick(&mut self, id: u64, fields: &Map<String, Value>) -> Result<(), Refusal> {
        let nick = text(fields, "nick")?;
        if !is_name(nick, 24) {
            return Err(invalid("nick must be 1 to 24 of a-z A-Z 0-9 _ -"));
        }
        self.agent(id)?;
        if is_reserved(nick) {
            return Err(("INVALID_NAME", format!("the nick {nick} is reserved")));
        }
        self.in_time(id, Act::Nick)?;
        let agent = self.agent_mut(id)?;
        let old = std::mem::replace(&mut agent.name, nick.to_owned());
        let frame = json!({"agent_id": agent.at(), "old_nick": old, "new_nick": nick});
        let mut hearers = self.neighbours(id);
        hearers.insert(id);
        self.tell_all(hearers, &make("NICK_CHANGED", frame));
        Ok(())
    }

    /// Tells the others of a channel that somebody writes; nobody is told why not.
    pub(super) fn typing(&mut self, id: u64, fields: &Map<String, Value>) -> Result<(), Refusal> {
        let channel = frame::channel(fields)?;
        if let Ok(agent) = self.agent(id)
            && let Ok(room) = self.visible(id, channel)
        {
            let frame = json!({"from": agent.at(), "from_name": agent.name, "channel": channel});
            self.publish(room, &make("TYPING", frame), Some(id));
        }
        Ok(())
    }
}
