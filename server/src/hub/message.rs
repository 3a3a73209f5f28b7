//! Messages: what is published, in which order.

use std::borrow::Cow;

use agentchat_store::Sent;
use serde::Serialize;
use serde_json::json;

use super::{
    Hub, allowance::Act, inbound_message::InboundMessage, outbound_message::OutboundMessage,
    rooms::Room, storage::storage,
};
use crate::{
    callback,
    frame::{Refusal, now_ms},
    outbox::OutboundFrame,
};

impl Hub {
    pub(super) fn message(&mut self, id: u64, inbound: InboundMessage<'_>) -> Result<(), Refusal> {
        let inbound = self.bounded(inbound)?;
        let (to, client_id) = (&*inbound.to, inbound.client_msg_id.as_deref());
        self.speaker(id)?;
        let earlier = client_id.map(|client_id| self.earlier(id, client_id));
        let earlier = earlier.transpose()?.flatten();
        // Who asks again what became of a message says nothing.
        if earlier.is_none() {
            if client_id.is_some() || to.starts_with('#') {
                self.has_room(inbound.content.len())?;
            }
            self.in_time(id, Act::Message)?;
        }
        let content = self.redactor.redact(&inbound.content);
        if let Cow::Owned(_) = content {
            self.audit("secrets_redacted", json!({"connection": id, "to": to}));
        }
        let parsed = callback::extract(&content, &self.settings.limits);
        let scheduled = !parsed.callbacks.is_empty();
        if earlier.is_none() {
            self.schedule(id, parsed.callbacks);
        }
        let content = match parsed.rest {
            Some(rest) if rest.is_empty() && scheduled => return Ok(()),
            Some(rest) if !rest.is_empty() => rest.into(),
            _ => content,
        };
        let now = now_ms();
        let stamp = self.message_id(now)?;
        // Of the agent as it is now.
        let agent = self.agent(id)?;
        let message = OutboundMessage {
            sig: inbound.sig.as_deref(),
            in_reply_to: inbound.in_reply_to.as_ref(),
            ..OutboundMessage::by(agent, now, to, &content, &stamp)
        };
        if let Some(sent) = earlier {
            return self.echo(id, &sent, message);
        }
        let offset = match to.strip_prefix('@') {
            Some(target) => {
                self.direct(id, target, message)?;
                0
            }
            None => self.channel_message(id, message)?,
        };
        let Some(client_id) = client_id else {
            return Ok(());
        };
        let sent = Sent {
            target: to.to_owned(),
            offset,
            msg_id: stamp,
        };
        self.note_sent(id, client_id, &sent)
    }

    /// Publishes a message in a channel; gives its offset.
    fn channel_message(&mut self, id: u64, message: OutboundMessage<'_>) -> Result<u64, Refusal> {
        let room = self.visible(id, message.to)?;
        if !self.rooms[room].members.contains(&id) {
            return Err(("NOT_INVITED", format!("join {} first", message.to)));
        }
        self.yield_floor(id, room);
        self.rooms[room].active = message.ts;
        self.counts.messages += 1;
        self.note_message("channel_msg", &message);
        self.post(room, message)?;
        Ok(self.rooms[room].channel.last)
    }

    /// Gives a message the next offset of a room, stores it, and tells those who are in the room.
    pub(super) fn post(
        &mut self,
        room: usize,
        message: OutboundMessage<'_>,
    ) -> Result<(), Refusal> {
        let channel = &self.rooms[room].channel;
        let offset = channel.last + 1;
        let message = OutboundMessage {
            epoch: Some(&channel.epoch),
            offset: Some(offset),
            ..message
        };
        let frame = message.frame();
        self.store
            .append(&channel.name, offset, message.ts, frame.payload())
            .map_err(storage)?;
        self.rooms[room].channel.last = offset;
        self.retain(room);
        // Who is reading up in this channel comes across it in storage.
        let Room {
            members, reading, ..
        } = &self.rooms[room];
        let hearers = members.iter().filter(|id| !reading.contains(id));
        self.outbound
            .push_all(hearers.copied(), OutboundFrame::Text(frame));
        Ok(())
    }

    /// Notes that something was said, never what.
    pub(super) fn note_message(&mut self, event: &str, message: &OutboundMessage<'_>) {
        if !self.settings.log_messages && !self.audit.is_kept() {
            return;
        }
        let noted = Noted {
            agent: &message.from,
            to: message.to,
            msg_id: message.msg_id,
        };
        if self.settings.log_messages {
            let noted = json!(&noted);
            tracing::info!(message = %noted, "{event}");
        }
        self.audit.note(event, message.ts, &noted);
    }
}

/// What is noted of a message.
#[derive(Serialize)]
struct Noted<'m> {
    agent: &'m str,
    to: &'m str,
    msg_id: Option<&'m str>,
}
