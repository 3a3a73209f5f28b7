//! What is said, in which order.

use serde_json::{Map, Value, json};

use super::{Hub, dispatch::storage};
use crate::frame::{self, Refusal, invalid, make, now_ms, text};

impl Hub {
    pub(super) fn message(&mut self, id: u64, fields: &Map<String, Value>) -> Result<(), Refusal> {
        let (to, content) = (text(fields, "to")?, frame::content(fields)?);
        let now = now_ms();
        self.may_speak(id, now)?;
        if to.starts_with('@') {
            return Err(invalid("direct messages are switched off on this server"));
        }
        if !to.starts_with('#') {
            return Err(invalid("to must start with #"));
        }
        let room = self.room(to)?;
        if !self.rooms[room].members.contains(&id) {
            return Err(("NOT_INVITED", format!("join {to} first")));
        }
        let agent = self.agent(id)?;
        let mut message = json!({"from": agent.at(), "from_name": agent.name, "to": to,
            "content": content, "msg_id": format!("{now}-{}", self.random_hex(3)?),
            "verified": agent.verified});
        for key in ["sig", "in_reply_to"] {
            let given = fields.get(key);
            let good = |v: &&Value| v.as_str().is_some_and(|s| (1..=512).contains(&s.len()));
            if let Some(value) = given.filter(good) {
                message[key] = value.clone();
            }
        }
        let channel = &mut self.rooms[room].channel;
        let offset = channel.last + 1;
        message["epoch"] = channel.epoch.as_str().into();
        message["offset"] = offset.into();
        let frame = make("MSG", message);
        self.store
            .append(to, offset, &frame.to_string())
            .map_err(storage)?;
        channel.last = offset;
        // Who is reading up in this channel comes across it in storage.
        let current = |id: &u64| self.peers.get(id).is_some_and(|p| !p.replays.covers(room));
        let members = self.rooms[room].members.iter().copied();
        let hearers: Vec<_> = members.filter(current).collect();
        self.tell_all(hearers, &frame);
        Ok(())
    }

    /// Newcomers listen, and nobody speaks too often.
    fn may_speak(&mut self, id: u64, now: i64) -> Result<(), Refusal> {
        let limit = self.args.rate_limit_ms;
        let agent = self.agent_mut(id)?;
        if agent.lurk {
            let text = "newcomers listen first on this server";
            return Err(("LURK_MODE", text.to_owned()));
        }
        if limit > 0 && now - agent.last_message < limit {
            return Err(("RATE_LIMITED", format!("one message in {limit} ms")));
        }
        agent.last_message = now;
        Ok(())
    }
}
