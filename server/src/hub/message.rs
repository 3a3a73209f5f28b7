//! What is said, in which order.

use agentchat_store::Sent;
use serde_json::{Map, Value, json};

use super::{Hub, allowance::Act, dispatch::storage, rooms::Room};
use crate::{
    callback,
    frame::{self, Refusal, invalid, make, now_ms, text},
    outbox::Out,
    wire::Encoded,
};

impl Hub {
    pub(super) fn message(&mut self, id: u64, fields: &Map<String, Value>) -> Result<(), Refusal> {
        let (to, content) = (text(fields, "to")?, self.content(fields)?);
        if !to.starts_with(['#', '@']) {
            return Err(invalid("to must start with # or @"));
        }
        let sig = self.sig(fields)?;
        let client_id = self.client_id(fields)?;
        self.speaker(id)?;
        let earlier = client_id.map(|client_id| self.earlier(id, client_id));
        let earlier = earlier.transpose()?.flatten();
        // Who asks again what became of a message says nothing.
        if earlier.is_none() {
            if client_id.is_some() || to.starts_with('#') {
                self.has_room(content.len())?;
            }
            self.in_time(id, Act::Message)?;
        }
        let content = self.redactor.redact(content);
        if let std::borrow::Cow::Owned(_) = content {
            self.audit("secrets_redacted", json!({"connection": id, "to": to}));
        }
        let parsed = callback::extract(&content, &self.settings.limits);
        let scheduled = !parsed.callbacks.is_empty();
        if earlier.is_none() {
            self.schedule(id, parsed.callbacks);
        }
        let content = match parsed.rest {
            Some(rest) if rest.is_empty() && scheduled => return Ok(()),
            Some(rest) if !rest.is_empty() => rest,
            _ => content.into_owned(),
        };
        let agent = self.agent(id)?;
        let stamp = format!("{}-{}", now_ms(), self.random_base36(6)?);
        let mut message = json!({"from": agent.at(), "from_name": agent.name, "to": to,
            "content": content, "msg_id": &stamp, "verified": agent.verified});
        agent.mark(&mut message);
        if let Some(sig) = sig {
            message["sig"] = sig.into();
        }
        if let Some(answered) = self.answered(fields) {
            message["in_reply_to"] = answered;
        }
        if let Some(sent) = earlier {
            return self.echo(id, &sent, message);
        }
        let mut sent = Sent {
            target: to.to_owned(),
            offset: 0,
            msg_id: stamp,
        };
        if let Some(target) = to.strip_prefix('@') {
            self.direct(id, target, message)?;
            return self.note_sent(id, client_id, &sent);
        }
        let room = self.visible(id, to)?;
        if !self.rooms[room].members.contains(&id) {
            return Err(("NOT_INVITED", format!("join {to} first")));
        }
        self.yield_floor(id, room);
        self.rooms[room].active = now_ms();
        self.counts.messages += 1;
        self.note_message("channel_msg", &message);
        self.post(room, message)?;
        sent.offset = self.rooms[room].channel.last;
        self.note_sent(id, client_id, &sent)
    }

    /// Gives a message its place in a room's order, stores it, and tells those who are in the room.
    pub(super) fn post(&mut self, room: usize, mut message: Value) -> Result<(), Refusal> {
        let channel = &mut self.rooms[room].channel;
        let offset = channel.last + 1;
        message["epoch"] = channel.epoch.as_str().into();
        message["offset"] = offset.into();
        let frame = Encoded::json(&make("MSG", message));
        self.store
            .append(&channel.name, offset, now_ms(), frame.payload())
            .map_err(storage)?;
        channel.last = offset;
        self.rooms[room].recent = None;
        self.retain(room);
        // Who is reading up in this channel comes across it in storage.
        let Room {
            members, reading, ..
        } = &self.rooms[room];
        let hearers = members.iter().filter(|id| !reading.contains(id));
        let outs = hearers.map(|id| (*id, Out::Text(frame.clone())));
        self.outs.extend(outs);
        Ok(())
    }

    /// Notes that something was said, never what.
    pub(super) fn note_message(&mut self, event: &str, message: &Value) {
        let noted = json!({"agent": message["from"], "to": message["to"],
            "msg_id": message["msg_id"]});
        if self.settings.log_messages {
            tracing::info!(message = %noted, "{event}");
        }
        self.audit(event, noted);
    }

    fn content<'a>(&self, fields: &'a Map<String, Value>) -> Result<&'a str, Refusal> {
        frame::content(fields, self.settings.limits.content)
    }

    fn sig<'a>(&self, fields: &'a Map<String, Value>) -> Result<Option<&'a str>, Refusal> {
        let most = self.settings.limits.field;
        match fields.get("sig") {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(sig)) if sig.len() <= most => {
                Ok(Some(sig.as_str()).filter(|sig| !sig.is_empty()))
            }
            Some(_) => Err(invalid(&format!(
                "sig must be a string of at most {most} characters"
            ))),
        }
    }

    /// The message that this one answers, as it was given; what is too long is left out.
    fn answered(&self, fields: &Map<String, Value>) -> Option<Value> {
        let value = fields.get("in_reply_to")?;
        let most = self.settings.limits.field;
        let length = match value {
            Value::String(text) => text.len(),
            other => other.to_string().len(),
        };
        let good = frame::truthy(fields, "in_reply_to") && length <= most;
        good.then(|| value.clone())
    }
}
