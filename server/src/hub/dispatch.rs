//! From a frame to what it asks for.

use serde_json::{Map, Value, json};

use super::{Hub, disk::stores, inbound_message::InboundMessage, market};
use crate::frame::{self, Refusal, invalid, make};

/// What others see of somebody, who is introduced before.
const SHOWING: [&str; 6] = [
    "MSG",
    "TYPING",
    "SET_PRESENCE",
    "SET_NICK",
    "RESPONDING_TO",
    "LEAVE",
];

impl Hub {
    /// Carries a frame out, or says why not.
    pub(super) fn frame(&mut self, id: u64, text: &str) {
        if !self.peers.contains_key(&id) {
            // Cut off; what it said before it noticed counts no more.
            return;
        }
        self.counts.frames += 1;
        if !self.within_rate(id, text.len()) {
            self.counts.too_fast += 1;
            self.close(id, 1008, "Rate limit exceeded");
            return;
        }
        if let Some(message) = InboundMessage::read(text) {
            let handled = self.quiet(id, "MSG").and_then(|()| {
                self.introduce(id);
                self.message(id, message)
            });
            self.answer(id, handled);
            return;
        }
        let handled = frame::parse(text).and_then(|(type_, fields)| {
            self.quiet(id, &type_)?;
            if stores(&type_) {
                self.has_room(text.len())?;
            }
            match market::knows(&type_) {
                true => self.trade(id, text),
                false => self.dispatch(id, &type_, &fields),
            }
        });
        self.answer(id, handled);
    }

    /// Tells a refusal.
    pub(super) fn answer(&mut self, id: u64, handled: Result<(), Refusal>) {
        if let Err((code, message)) = handled {
            self.counts.refusals += 1;
            let error = json!({"code": code, "message": message});
            self.tell(id, &make("ERROR", error));
        }
    }

    fn dispatch(
        &mut self,
        id: u64,
        type_: &str,
        fields: &Map<String, Value>,
    ) -> Result<(), Refusal> {
        if SHOWING.contains(&type_) {
            self.introduce(id);
        }
        match type_ {
            "PING" => {
                self.tell(id, &make("PONG", json!({})));
                Ok(())
            }
            "IDENTIFY" => self.identify(id, fields),
            "VERIFY_IDENTITY" => self.verify(id, fields),
            "CAPTCHA_RESPONSE" => self.answer_question(id, fields),
            "LIST_CHANNELS" => self.list_channels(id),
            "JOIN" => self.join(id, fields),
            "LEAVE" => self.leave(id, frame::channel(fields)?),
            "LIST_AGENTS" => self.list_agents(id, frame::channel(fields)?),
            "CREATE_CHANNEL" => self.create_channel(id, fields),
            "INVITE" => self.invite(id, fields),
            "MSG" => self.message(id, self.inbound_message(fields)?),
            "FILE_CHUNK" => self.chunk(id, fields),
            "TYPING" => self.typing(id, fields),
            "SET_PRESENCE" => self.presence(id, fields),
            "SET_NICK" => self.nick(id, fields),
            "RESPONDING_TO" => self.responding(id, fields),
            "VERIFY_REQUEST" => self.ask_proof(id, fields),
            "VERIFY_RESPONSE" => self.give_proof(id, fields),
            "ADMIN_APPROVE" => self.approve(id, fields),
            "ADMIN_REVOKE" => self.revoke(id, fields),
            "ADMIN_LIST" => self.list(id, fields),
            "ADMIN_KICK" => self.kick(id, fields),
            "ADMIN_BAN" => self.ban(id, fields),
            "ADMIN_UNBAN" => self.unban(id, fields),
            "ADMIN_MOTD" => self.set_motd(id, fields),
            "ADMIN_VERIFY" => self.vouch(id, fields),
            _ => Err(invalid("this type of message is not known here")),
        }
    }
}
