//! Sending agents away, keeping them out, vouching for them, and what everybody is told on arrival.

use std::time::Duration;

use agentchat_store::Ban;
use serde_json::{Map, Value, json};

use super::{
    Hub,
    admin::Key,
    storage::storage,
    timers::{Due, What},
};
use crate::frame::{self, Refusal, cut, invalid, longer, make, now_ms, text};

/// From a message of the day that sends everybody away, to that.
const MAINTENANCE: Duration = Duration::from_millis(500);

fn absent(id: &str) -> Refusal {
    ("AGENT_NOT_FOUND", format!("@{id} is not here"))
}

impl Hub {
    /// An agent id, with or without `@`.
    fn target<'a>(&self, fields: &'a Map<String, Value>) -> Result<&'a str, Refusal> {
        let given = text(fields, "agent_id")?;
        let id = given.strip_prefix('@').unwrap_or(given);
        if id.is_empty() || id.len() > self.settings.limits.agent_id {
            return Err(invalid("agent_id must be an agent id"));
        }
        Ok(id)
    }

    fn reason(&self, fields: &Map<String, Value>, otherwise: &str) -> String {
        let given = fields.get("reason").and_then(Value::as_str);
        let given = given.filter(|reason| !reason.is_empty());
        cut(given.unwrap_or(otherwise), self.settings.limits.reason)
    }

    pub(super) fn kick(&mut self, id: u64, fields: &Map<String, Value>) -> Result<(), Refusal> {
        let target = self.target(fields)?;
        self.check_admin(id, fields, Key::Allowlist)?;
        let session = self.online(target).ok_or_else(|| absent(target))?;
        let why = self.reason(fields, "Kicked by admin");
        self.tell(session, &make("KICKED", json!({"reason": why})));
        self.close(session, 1000, "Kicked by admin");
        self.done(id, "kick", target);
        Ok(())
    }

    pub(super) fn ban(&mut self, id: u64, fields: &Map<String, Value>) -> Result<(), Refusal> {
        let target = self.target(fields)?;
        self.check_admin(id, fields, Key::Allowlist)?;
        let why = self.reason(fields, "Banned by admin");
        let known = self.store.banned(target).map_err(storage)?.is_some();
        self.room_on_list(1, known)?;
        let ban = Ban {
            agent: target.to_owned(),
            reason: why.clone(),
            at: now_ms(),
        };
        self.store.ban(&ban).map_err(storage)?;
        // Whoever waits to take the session over is the same agent.
        while let Some(session) = self.online(target) {
            self.tell(session, &make("BANNED", json!({"reason": why})));
            self.close(session, 1000, "Banned by admin");
        }
        self.done(id, "ban", target);
        Ok(())
    }

    pub(super) fn unban(&mut self, id: u64, fields: &Map<String, Value>) -> Result<(), Refusal> {
        let target = self.target(fields)?;
        self.check_admin(id, fields, Key::Allowlist)?;
        if !self.store.unban(target).map_err(storage)? {
            return Err(("AGENT_NOT_FOUND", format!("@{target} is not banned")));
        }
        self.done(id, "unban", target);
        Ok(())
    }

    fn done(&mut self, id: u64, action: &str, target: &str) {
        self.audit(action, json!({"agent": target}));
        let result = json!({"action": action, "success": true, "agentId": format!("@{target}")});
        self.tell(id, &make("ADMIN_RESULT", result));
    }

    /// Says of an agent that it is verified, or that it is not. It stays so.
    pub(super) fn vouch(&mut self, id: u64, fields: &Map<String, Value>) -> Result<(), Refusal> {
        let target = self.target(fields)?;
        let verified = fields.get("verified").and_then(Value::as_bool);
        let verified = verified.ok_or_else(|| invalid("verified must be true or false"))?;
        self.check_admin(id, fields, Key::Admin)?;
        let session = self.online(target).ok_or_else(|| absent(target))?;
        if self.agent(session)?.pubkey.is_some() {
            let known = self.store.granted(target).map_err(storage)?.is_some();
            self.room_on_list(2, known)?;
            self.store.grant(target, verified).map_err(storage)?;
        }
        self.audit("verify", json!({"agent": target, "verified": verified}));
        self.agent_mut(session)?.verified = verified;
        let note = match verified {
            true => "an operator verified you",
            false => "an operator took your verification away",
        };
        let told = json!({"action": "verify", "success": true, "verified": verified, "note": note});
        self.tell(session, &make("ADMIN_RESULT", told));
        let result = json!({"action": "verify", "success": true,
            "agentId": fields.get("agent_id"), "verified": verified});
        self.tell(id, &make("ADMIN_RESULT", result));
        Ok(())
    }

    /// Sets the message of the day, tells it to every connection, and may send all others away.
    pub(super) fn set_motd(&mut self, id: u64, fields: &Map<String, Value>) -> Result<(), Refusal> {
        let most = self.settings.limits.motd;
        let motd = match fields.get("motd") {
            None | Some(Value::Null) => None,
            Some(Value::String(motd)) if !longer(motd, most) => {
                Some(motd.clone()).filter(|motd| !motd.is_empty())
            }
            Some(_) => {
                let text = format!("motd must be a string of at most {most} characters");
                return Err(invalid(&text));
            }
        };
        self.check_admin(id, fields, Key::Admin)?;
        let kick = frame::truthy(fields, "kick");
        self.audit("motd", json!({"kick": kick}));
        self.motd = motd;
        let all: Vec<_> = self.peers.keys().copied().collect();
        self.tell_all(
            all.clone(),
            &make("MOTD_UPDATE", json!({"motd": self.motd})),
        );
        let result = json!({"action": "motd", "success": true, "motd": self.motd, "kicked": kick});
        self.tell(id, &make("ADMIN_RESULT", result));
        if kick {
            for other in all.into_iter().filter(|other| *other != id) {
                let due = Due {
                    id: other,
                    ticket: 0,
                    what: What::Maintenance,
                };
                self.timers.set(MAINTENANCE, due);
            }
        }
        Ok(())
    }

    /// `INVALID_MSG` when a list is full, that of keys, of bans or of grants, and what is to come is not on it.
    pub(super) fn room_on_list(&self, which: usize, known: bool) -> Result<(), Refusal> {
        let count = self.store.listed().map_err(storage)?[which];
        if !known && count >= self.settings.limits.listed {
            return Err(invalid("this list has as many entries as it can"));
        }
        Ok(())
    }
}
