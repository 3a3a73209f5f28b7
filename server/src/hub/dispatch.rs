//! From a frame to what it asks for.

use ring::rand::SecureRandom;
use serde_json::{Map, Value, json};

use super::Hub;
use crate::frame::{self, Refusal, invalid, make};

impl Hub {
    /// Carries a frame out, or says why not.
    pub(super) fn frame(&mut self, id: u64, text: &str) {
        if !self.peers.contains_key(&id) {
            // Cut off; what it said before it noticed counts no more.
            return;
        }
        if !self.within_rate(id) {
            self.close(id, 1008, "Rate limit exceeded");
            return;
        }
        let handled =
            frame::parse(text).and_then(|(type_, fields)| self.dispatch(id, &type_, &fields));
        self.answer(id, handled);
    }

    /// Tells a refusal.
    pub(super) fn answer(&mut self, id: u64, handled: Result<(), Refusal>) {
        if let Err((code, message)) = handled {
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
        match type_ {
            "PING" => {
                self.tell(id, &make("PONG", json!({})));
                Ok(())
            }
            "IDENTIFY" => self.identify(id, fields),
            "VERIFY_IDENTITY" => self.verify(id, fields),
            "LIST_CHANNELS" => self.list_channels(id),
            "ADMIN_APPROVE" => self.approve(id, fields),
            "ADMIN_REVOKE" => self.revoke(id, fields),
            "ADMIN_LIST" => self.list_allowed(id, fields),
            "JOIN" => self.join(id, fields),
            "LEAVE" => self.leave(id, frame::channel(fields)?),
            "LIST_AGENTS" => self.list_agents(id, frame::channel(fields)?),
            "CREATE_CHANNEL" => self.create_channel(id, fields),
            "MSG" => self.message(id, fields),
            "SET_PRESENCE" => self.presence(id, fields),
            _ => Err(invalid("this type of message is not known here")),
        }
    }

    /// `count` random bytes in hexadecimal.
    pub(super) fn random_hex(&self, count: usize) -> Result<String, Refusal> {
        let mut bytes = vec![0_u8; count];
        let failed = |_| invalid("the server has no random numbers; try again");
        self.random.fill(&mut bytes).map_err(failed)?;
        Ok(bytes.iter().map(|b| format!("{b:02x}")).collect())
    }
}

/// A failed database is the server's trouble. After a failed write the whole batch fails, and this refusal
/// is never heard.
pub fn storage(error: agentchat_store::StoreError) -> Refusal {
    tracing::error!(%error, "storage failed");
    (
        "INVALID_MSG",
        "the server could not store this; nothing was done".to_owned(),
    )
}
