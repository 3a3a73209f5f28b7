//! Messages that are sent again: a client that gives its messages ids of its own may, and they are said once.

use agentchat_store::Sent;
use serde_json::{Map, Value};

use super::{Hub, outbound_message::OutboundMessage, storage::storage};
use crate::{
    frame::{Refusal, invalid},
    outbox::OutboundFrame,
    wire::Encoded,
};

impl Hub {
    /// The client's own id of a message, in the additional field `client_msg_id`.
    pub(super) fn client_id<'a>(
        &self,
        fields: &'a Map<String, Value>,
    ) -> Result<Option<&'a str>, Refusal> {
        match fields.get("client_msg_id") {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(id)) => self.bounded_client_id(id).map(|()| Some(&**id)),
            Some(_) => Err(self.wrong_client_id()),
        }
    }

    /// Whether a client's own id of a message keeps the bounds.
    pub(super) fn bounded_client_id(&self, id: &str) -> Result<(), Refusal> {
        let good = (1..=self.settings.limits.client_id).contains(&id.len());
        good.then_some(()).ok_or_else(|| self.wrong_client_id())
    }

    fn wrong_client_id(&self) -> Refusal {
        let most = self.settings.limits.client_id;
        let text = format!("client_msg_id must be a string of 1 to {most} bytes");
        invalid(&text)
    }

    /// What became of a message of this id, if it was sent before.
    pub(super) fn earlier(&self, id: u64, client_id: &str) -> Result<Option<Sent>, Refusal> {
        let agent = &self.agent(id)?.id;
        self.store.sent(agent, client_id).map_err(storage)
    }

    /// Tells the sender of a repeated message what it was told the first time, or would have been.
    pub(super) fn echo(
        &mut self,
        id: u64,
        sent: &Sent,
        message: OutboundMessage<'_>,
    ) -> Result<(), Refusal> {
        let mut message = message;
        if message.to != sent.target {
            return Err(invalid(
                "client_msg_id is that of a message to somebody else",
            ));
        }
        if sent.offset > 0 {
            let before = sent.offset - 1;
            let found = self.store.after(&sent.target, before, 1, 0);
            if let Some((offset, json)) = found.map_err(storage)?.pop()
                && offset == sent.offset
            {
                let text = String::from_utf8_lossy(&json);
                self.outbound
                    .push(id, OutboundFrame::Text(Encoded::text(&text)));
                return Ok(());
            }
            let room = self.room(&sent.target)?;
            message = OutboundMessage {
                epoch: Some(&self.rooms[room].channel.epoch),
                offset: Some(sent.offset),
                ..message
            };
        }
        message.msg_id = Some(&sent.msg_id);
        let frame = message.frame();
        self.outbound.push(id, OutboundFrame::Text(frame));
        Ok(())
    }

    /// Remembers that a message was sent.
    pub(super) fn note_sent(
        &mut self,
        id: u64,
        client_id: &str,
        sent: &Sent,
    ) -> Result<(), Refusal> {
        let agent = &self.agent(id)?.id;
        self.store
            .note_sent(agent, client_id, sent)
            .map_err(storage)?;
        self.sent += 1;
        let most = self.settings.limits.sent;
        if self.sent > most / 10 {
            self.store.forget_sent(most).map_err(storage)?;
            self.sent = 0;
        }
        Ok(())
    }
}
