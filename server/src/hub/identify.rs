//! From an open connection to a known agent.

use agentchat_protocol::{agent_id, auth_text, is_canonical_public_key, verify};
use serde_json::{Map, Value, json};

use super::{
    Hub,
    agent::{Agent, Consent},
    handshake::{Challenge, Proven, Stage},
    storage::storage,
    timers::{Due, What},
};
use crate::frame::{Refusal, invalid, is_name, make, now_ms, number, text};

fn refused() -> Refusal {
    let text = "this server admits approved keys only";
    ("NOT_ALLOWED", text.to_owned())
}

impl Hub {
    pub(super) fn identify(&mut self, id: u64, fields: &Map<String, Value>) -> Result<(), Refusal> {
        let name = text(fields, "name")?;
        if !is_name(name, 32) {
            return Err(invalid("name must be 1 to 32 of a-z A-Z 0-9 _ -"));
        }
        let pubkey = match fields.get("pubkey") {
            None | Some(Value::Null) => None,
            Some(Value::String(key)) if is_canonical_public_key(key) => Some(key.clone()),
            Some(_) => {
                return Err(invalid(
                    "pubkey is not an Ed25519 public key in canonical SPKI PEM",
                ));
            }
        };
        let consent = consent(fields)?;
        let Some(peer) = self.peers.get(&id) else {
            return Ok(());
        };
        match peer.stage {
            Stage::Open => {}
            Stage::Challenged(_) | Stage::Held(_) | Stage::Asked(_) => {
                return Err(invalid("Challenge already pending"));
            }
            Stage::In(_) => return Err(invalid("Already identified")),
        }
        let Some(pubkey) = pubkey else {
            if self.strict() {
                return Err(refused());
            }
            let mut agent = Agent::visitor(self.random_base36(8)?, name);
            agent.consent = consent;
            return self.question(id, agent);
        };
        self.trusted(&pubkey)?;
        let lifetime = self.settings.challenge;
        let ticket = self.timers.ticket();
        let challenge = Challenge {
            id: self.stamped("chal")?,
            nonce: self.random_hex(16)?,
            name: name.to_owned(),
            pubkey,
            consent,
            expires: now_ms() + i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX / 2),
            ticket,
        };
        let due = Due {
            id,
            ticket,
            what: What::ChallengeExpires,
        };
        self.timers.set(lifetime, due);
        let frame = make(
            "CHALLENGE",
            json!({"challenge_id": challenge.id, "nonce": challenge.nonce, "expires_at": challenge.expires}),
        );
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.stage = Stage::Challenged(challenge);
        }
        self.tell(id, &frame);
        Ok(())
    }

    pub(super) fn verify(&mut self, id: u64, fields: &Map<String, Value>) -> Result<(), Refusal> {
        let (challenge_id, signature) = (text(fields, "challenge_id")?, text(fields, "signature")?);
        let (_, timestamp) = number(fields, "timestamp")?;
        let Some(peer) = self.peers.get_mut(&id) else {
            return Ok(());
        };
        let expired = || {
            (
                "VERIFICATION_EXPIRED",
                "Challenge not found or expired".to_owned(),
            )
        };
        let challenge = match std::mem::replace(&mut peer.stage, Stage::Open) {
            Stage::Challenged(challenge) if challenge.id == challenge_id => challenge,
            stage => {
                let identified = matches!(stage, Stage::In(_));
                peer.stage = stage;
                return Err(if identified {
                    invalid("Already identified")
                } else if self.is_anothers(challenge_id) {
                    invalid("this challenge belongs to another connection")
                } else {
                    expired()
                });
            }
        };
        if now_ms() > challenge.expires {
            return Err(expired());
        }
        let written = agentchat_protocol::json::number(timestamp);
        let signed = auth_text(&challenge.nonce, &challenge.id, written);
        if !verify(&challenge.pubkey, &signed, signature) {
            return Err((
                "VERIFICATION_FAILED",
                "the signature is not the key's".to_owned(),
            ));
        }
        self.in_step(timestamp)?;
        // It may have been revoked since, and must not displace anybody then.
        self.trusted(&challenge.pubkey)?;
        let agent_id = agent_id(&challenge.pubkey);
        if self.send_away(id, &agent_id)? {
            return Ok(());
        }
        let proven = Proven {
            agent_id,
            name: challenge.name,
            pubkey: challenge.pubkey,
            consent: challenge.consent,
        };
        self.claim(id, proven)
    }

    /// Whether a client's clock is about as this one's: a proof is one of now.
    fn in_step(&self, timestamp: f64) -> Result<(), Refusal> {
        let skew = millis(self.settings.skew);
        #[expect(clippy::cast_precision_loss, reason = "times are far below 2^53")]
        let (now, most) = (now_ms() as f64, skew as f64);
        if skew == 0 || (timestamp - now).abs() <= most {
            return Ok(());
        }
        let text = format!("timestamp is more than {skew} ms off; set the clock: here it is {now}");
        Err(("VERIFICATION_FAILED", text))
    }

    fn is_anothers(&self, challenge_id: &str) -> bool {
        let mut stages = self.peers.values().map(|peer| &peer.stage);
        stages.any(|stage| matches!(stage, Stage::Challenged(c) if c.id == challenge_id))
    }

    /// Nobody answered a challenge.
    pub(super) fn expire(&mut self, due: Due) {
        let peer = self.peers.get(&due.id);
        if peer.is_some_and(|p| matches!(&p.stage, Stage::Challenged(c) if c.ticket == due.ticket))
        {
            let text = "Challenge expired; identify again".to_owned();
            self.answer(due.id, Err(("VERIFICATION_EXPIRED", text)));
            self.close(due.id, 1000, "Challenge expired");
        }
    }

    /// Closes the connection of an agent that is banned; false when it is not.
    fn send_away(&mut self, id: u64, agent_id: &str) -> Result<bool, Refusal> {
        let banned = self.store.banned(agent_id).map_err(storage)?;
        if let Some(reason) = &banned {
            self.answer(id, Err(("BANNED", reason.clone())));
            self.close(id, 1000, "Banned");
        }
        Ok(banned.is_some())
    }

    /// Lets an agent in whose key was proven. What is known of it may have changed since.
    pub(super) fn admit(&mut self, id: u64, proven: Proven) -> Result<(), Refusal> {
        if self.send_away(id, &proven.agent_id)? {
            return Ok(());
        }
        let trust = self.trusted(&proven.pubkey)?;
        let granted = self.store.granted(&proven.agent_id).map_err(storage)?;
        let now = now_ms();
        let first = self.first_sight(&proven.pubkey, now)?;
        let until = first.saturating_add(millis(self.settings.lurk.window));
        let exempt = trust == Trust::Listed && !self.settings.lurk.allowlisted;
        let agent = Agent {
            pubkey: Some(proven.pubkey),
            verified: granted.unwrap_or(trust != Trust::None),
            lurks: Some(until).filter(|until| !exempt && now < *until),
            consent: proven.consent,
            ..Agent::visitor(proven.agent_id, &proven.name)
        };
        self.question(id, agent)
    }

    /// When a key was first seen. Of too many keys, the oldest are forgotten: they are newcomers again.
    fn first_sight(&mut self, pubkey: &str, now: i64) -> Result<i64, Refusal> {
        if let Some(at) = self.store.seen_at(pubkey).map_err(storage)? {
            return Ok(at);
        }
        if self.disk.is_full() {
            // A newcomer, until it comes when there is room to remember it.
            return Ok(now);
        }
        self.store.see(pubkey, now).map_err(storage)?;
        self.seen += 1;
        let most = self.settings.limits.seen;
        if self.seen > most {
            let keep = most - most / 10;
            self.store.forget_seen(keep).map_err(storage)?;
            self.seen = keep;
        }
        Ok(now)
    }

    /// Whether only approved keys may come in.
    pub(super) fn strict(&self) -> bool {
        self.settings.allowlist.enabled && self.settings.allowlist.strict
    }

    /// Why a key is trusted, if it is; a refusal where only trusted keys may come in.
    fn trusted(&self, pubkey: &str) -> Result<Trust, Refusal> {
        if self.settings.allowlist.enabled && self.store.is_allowed(pubkey).map_err(storage)? {
            return Ok(Trust::Listed);
        }
        if self.settings.genesis.as_deref() == Some(&agent_id(pubkey)) {
            return Ok(Trust::Genesis);
        }
        match self.strict() {
            true => Err(refused()),
            false => Ok(Trust::None),
        }
    }

    /// Whether an agent may only listen.
    pub(super) fn lurks(&self, agent: &Agent) -> bool {
        self.settings.lurk.enforced && agent.lurks.is_some_and(|until| now_ms() < until)
    }

    /// `AUTH_REQUIRED` or `LURK_MODE` for those who may not speak.
    pub(super) fn speaker(&self, id: u64) -> Result<&Agent, Refusal> {
        let agent = self.agent(id)?;
        match self.lurks(agent) {
            true => Err(("LURK_MODE", LURK.to_owned())),
            false => Ok(agent),
        }
    }
}

/// Why a key is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trust {
    None,
    /// It is on the allowlist.
    Listed,
    /// It is the one that always is.
    Genesis,
}

/// What those are told who may not speak yet.
pub const LURK: &str = "newcomers listen first on this server";

fn millis(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 2)
}

/// The optional `direct`: from whom the agent takes direct messages and files.
fn consent(fields: &Map<String, Value>) -> Result<Consent, Refusal> {
    match fields.get("direct") {
        None | Some(Value::Null) => Ok(Consent::Verified),
        Some(Value::String(word)) if word == "verified" => Ok(Consent::Verified),
        Some(Value::String(word)) if word == "all" => Ok(Consent::All),
        Some(Value::String(word)) if word == "none" => Ok(Consent::Nobody),
        Some(_) => Err(invalid("direct must be \"verified\", \"all\" or \"none\"")),
    }
}
