//! The allowlist, kept with the shared admin key.

mod list;

use agentchat_protocol::{agent_id, canonical_public_key};
use agentchat_store::Allowed;
use serde_json::{Map, Value, json};

use super::{Hub, storage::storage};
use crate::frame::{Refusal, cut, invalid, make, now_ms, text};

/// Which secret an admin message needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// That of the allowlist and the bans.
    Allowlist,
    /// That of the rest.
    Admin,
}

/// Compares digests, so that the time taken says nothing of the key.
pub fn same(given: &str, key: &str) -> bool {
    let digest = |text: &str| ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    digest(given).as_ref() == digest(key).as_ref()
}

impl Hub {
    pub(super) fn approve(&mut self, id: u64, fields: &Map<String, Value>) -> Result<(), Refusal> {
        let pubkey = text(fields, "pubkey")?;
        self.check_allowlist(id, fields)?;
        let pubkey = canonical_public_key(pubkey)
            .ok_or_else(|| invalid("pubkey is not an Ed25519 public key in SPKI PEM"))?;
        let note = fields.get("note").and_then(Value::as_str);
        let note = cut(note.unwrap_or_default(), self.settings.limits.note);
        let known = self.store.is_allowed(&pubkey).map_err(storage)?;
        self.room_on_list(0, known)?;
        self.audit("allowlist_approve", json!({"agent": agent_id(&pubkey)}));
        self.store
            .allow(&pubkey, &note, now_ms())
            .map_err(storage)?;
        let agent = format!("@{}", agent_id(&pubkey));
        let result = json!({"action": "approve", "success": true, "agentId": agent});
        self.tell(id, &make("ADMIN_RESULT", result));
        Ok(())
    }

    /// Takes a key off the allowlist, by the key or by its agent; a session that proved it ends.
    pub(super) fn revoke(&mut self, id: u64, fields: &Map<String, Value>) -> Result<(), Refusal> {
        let field = |key| fields.get(key).and_then(Value::as_str);
        let (pubkey, agent) = (field("pubkey"), field("agent_id"));
        if pubkey.is_none() && agent.is_none() {
            return Err(invalid("pubkey or agent_id is missing or not a string"));
        }
        self.check_allowlist(id, fields)?;
        let agent = agent.map(|agent| agent.trim_start_matches('@'));
        let pubkey = pubkey.map(|given| canonical_public_key(given).unwrap_or(given.to_owned()));
        let is = |allowed: &Allowed| match &pubkey {
            Some(pubkey) => allowed.pubkey == *pubkey,
            None => agent == Some(agent_id(&allowed.pubkey).as_str()),
        };
        let found = self.store.allowed().map_err(storage)?.into_iter().find(is);
        let Some(Allowed { pubkey, .. }) = found else {
            let text = "this key is not on the allowlist";
            return Err(("AGENT_NOT_FOUND", text.to_owned()));
        };
        self.audit("allowlist_revoke", json!({"agent": agent_id(&pubkey)}));
        self.store.disallow(&pubkey).map_err(storage)?;
        self.expel(&agent_id(&pubkey), "the key was taken off the allowlist");
        let result = json!({"action": "revoke", "success": true});
        self.tell(id, &make("ADMIN_RESULT", result));
        Ok(())
    }

    /// Ends an agent's session.
    fn expel(&mut self, agent_id: &str, reason: &str) {
        // Whoever waits to succeed it comes next, and is refused by the allowlist where that is strict.
        if let Some(session) = self.online(agent_id) {
            self.tell(session, &make("KICKED", json!({"reason": reason})));
            self.close(session, 1000, "Kicked by admin");
        }
    }

    fn check_allowlist(&mut self, id: u64, fields: &Map<String, Value>) -> Result<(), Refusal> {
        // The field first, as with all messages.
        text(fields, "admin_key")?;
        if !self.settings.allowlist.enabled {
            return Err(invalid("this server has no allowlist"));
        }
        self.check_admin(id, fields, Key::Allowlist)
    }

    /// Whether the secret is the right one; a connection that guesses is closed.
    pub(super) fn check_admin(
        &mut self,
        id: u64,
        fields: &Map<String, Value>,
        key: Key,
    ) -> Result<(), Refusal> {
        let given = text(fields, "admin_key")?;
        let keys = &self.settings.keys;
        let right = match key {
            Key::Allowlist => keys.allowlist.as_deref(),
            Key::Admin => keys.admin.as_deref(),
        };
        let right = right.ok_or_else(|| match key {
            Key::Allowlist => invalid("this server has no admin key"),
            Key::Admin => ("AUTH_REQUIRED", "the admin key is wrong".to_owned()),
        })?;
        let from = self.peers.get(&id).map(|peer| peer.from.address);
        let may = |from| {
            self.guesses
                .may(from, now_ms(), self.settings.limits.guesses)
        };
        if !from.is_none_or(may) {
            let text = "too many wrong admin keys came from your address; wait a minute";
            return Err(("AUTH_REQUIRED", text.to_owned()));
        }
        if same(given, right) {
            return Ok(());
        }
        let most = self.settings.limits.wrong_keys;
        self.counts.wrong_keys += 1;
        if let Some(from) = from {
            self.guesses.note(from, now_ms());
        }
        let wrong = ("AUTH_REQUIRED", "the admin key is wrong".to_owned());
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.wrong_keys += 1;
            let (address, count) = (peer.from.address.to_string(), peer.wrong_keys);
            tracing::warn!(address, "a wrong admin key");
            self.audit("wrong_admin_key", json!({"connection": id, "ip": address}));
            if count >= most {
                self.answer(id, Err(wrong.clone()));
                self.close(id, 1008, "Too many wrong admin keys");
            }
        }
        Err(wrong)
    }
}
