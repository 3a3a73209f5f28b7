//! The allowlist, kept with the shared admin key.

use serde_json::{Map, Value, json};

use super::{Hub, dispatch::storage};
use crate::frame::{Refusal, invalid, make, text};

impl Hub {
    pub(super) fn approve(&mut self, id: u64, fields: &Map<String, Value>) -> Result<(), Refusal> {
        let pubkey = text(fields, "pubkey")?;
        self.check_admin(fields)?;
        if !agentchat_protocol::is_canonical_public_key(pubkey) {
            return Err(invalid(
                "pubkey is not an Ed25519 public key in canonical SPKI PEM",
            ));
        }
        let note = fields
            .get("note")
            .and_then(Value::as_str)
            .unwrap_or_default();
        self.store
            .allow(pubkey, &note.chars().take(200).collect::<String>())
            .map_err(storage)?;
        let agent = format!("@{}", agentchat_protocol::agent_id(pubkey));
        self.tell(
            id,
            &make(
                "ADMIN_RESULT",
                json!({"action": "approve", "success": true, "agentId": agent}),
            ),
        );
        Ok(())
    }

    pub(super) fn revoke(&mut self, id: u64, fields: &Map<String, Value>) -> Result<(), Refusal> {
        let pubkey = text(fields, "pubkey")?;
        self.check_admin(fields)?;
        if !self.store.disallow(pubkey).map_err(storage)? {
            return Err((
                "AGENT_NOT_FOUND",
                "this key is not on the allowlist".to_owned(),
            ));
        }
        self.tell(
            id,
            &make("ADMIN_RESULT", json!({"action": "revoke", "success": true})),
        );
        Ok(())
    }

    /// Compares digests, so that the time taken says nothing of the key.
    fn check_admin(&self, fields: &Map<String, Value>) -> Result<(), Refusal> {
        let given = text(fields, "admin_key")?;
        let key = self
            .admin_key
            .as_deref()
            .ok_or_else(|| invalid("this server has no admin key"))?;
        let digest = |text: &str| ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
        if digest(given).as_ref() == digest(key).as_ref() {
            Ok(())
        } else {
            Err(("AUTH_REQUIRED", "the admin key is wrong".to_owned()))
        }
    }
}
