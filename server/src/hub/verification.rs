//! Agents that check each other's keys.

use std::collections::HashMap;

use agentchat_protocol::verify;
use serde_json::{Map, Value, json};

use super::{
    Hub,
    timers::{Due, What},
};
use crate::frame::{self, Refusal, invalid, make, text};

/// A check that was not answered yet.
pub struct Check {
    /// Connection that asked.
    pub asker: u64,
    /// Agent that is to answer, without `@`.
    target: String,
    nonce: String,
    ticket: u64,
}

/// All checks that wait, by request id.
pub type Checks = HashMap<String, Check>;

/// `VERIFICATION_EXPIRED` of a request that nobody waits for.
fn unknown() -> Refusal {
    let text = "this verification request is unknown or has expired";
    ("VERIFICATION_EXPIRED", text.to_owned())
}

impl Hub {
    pub(super) fn ask_proof(
        &mut self,
        id: u64,
        fields: &Map<String, Value>,
    ) -> Result<(), Refusal> {
        let (target, nonce) = (frame::agent(fields, "target")?, text(fields, "nonce")?);
        let limits = &self.settings.limits;
        let (least, most) = limits.nonce;
        if !(least..=most).contains(&nonce.encode_utf16().take(most + 1).count()) {
            let text = format!("nonce must have {least} to {most} characters");
            return Err(invalid(&text));
        }
        let most = limits.verifications;
        let me = self.agent(id)?.at();
        let (to, agent) = self.present(target)?;
        if agent.pubkey.is_none() {
            return Err(("NO_PUBKEY", format!("@{target} has no key")));
        }
        let waiting = self.checks.values().filter(|check| check.asker == id);
        if waiting.count() >= most {
            let text = format!("{most} of your verification requests wait for an answer");
            return Err(("RATE_LIMITED", text));
        }
        let request = self.stamped("verify")?;
        let ticket = self.timers.ticket();
        let check = Check {
            asker: id,
            target: target.to_owned(),
            nonce: nonce.to_owned(),
            ticket,
        };
        let due = Due {
            id,
            ticket,
            what: What::CheckEnds,
        };
        self.timers.set(self.settings.verification, due);
        let asked = json!({"request_id": request, "from": me, "nonce": nonce});
        let pending =
            json!({"request_id": request, "target": format!("@{target}"), "status": "pending"});
        self.checks.insert(request, check);
        self.tell(to, &make("VERIFY_REQUEST", asked));
        self.tell(id, &make("VERIFY_REQUEST", pending));
        Ok(())
    }

    pub(super) fn give_proof(
        &mut self,
        id: u64,
        fields: &Map<String, Value>,
    ) -> Result<(), Refusal> {
        let field = |key| text(fields, key);
        let (request, nonce, sig) = (field("request_id")?, field("nonce")?, field("sig")?);
        let agent = self.agent(id)?;
        let Some(pubkey) = agent.pubkey.clone() else {
            let text = "only agents that have proved a key answer this";
            return Err(("SIGNATURE_REQUIRED", text.to_owned()));
        };
        let check = self.checks.get(request).ok_or_else(unknown)?;
        if check.target != agent.id {
            return Err(invalid("this verification request is for another agent"));
        }
        if check.nonce != nonce {
            return Err(invalid("nonce is not that of the verification request"));
        }
        let (me, asker) = (agent.at(), check.asker);
        self.checks.remove(request);
        if verify(&pubkey, nonce, sig) {
            let proven = json!({"request_id": request, "agent": me, "pubkey": pubkey});
            self.tell(asker, &make("VERIFY_SUCCESS", proven));
            let told = json!({"request_id": request, "verified": true});
            self.tell(id, &make("VERIFY_SUCCESS", told));
        } else {
            self.tell_failure(asker, request, &me, "the signature verification failed");
            let told = json!({"request_id": request, "verified": false});
            self.tell(id, &make("VERIFY_FAILED", told));
        }
        Ok(())
    }

    fn tell_failure(&mut self, asker: u64, request: &str, target: &str, reason: &str) {
        let failed = json!({"request_id": request, "target": target, "reason": reason});
        self.tell(asker, &make("VERIFY_FAILED", failed));
    }

    /// Nobody answered a check.
    pub(super) fn check_ends(&mut self, due: Due) {
        let mut checks = self.checks.iter();
        let found = checks.find(|(_, check)| check.ticket == due.ticket);
        if let Some(request) = found.map(|(request, _)| request.clone())
            && let Some(check) = self.checks.remove(&request)
        {
            let target = format!("@{}", check.target);
            let reason = "the verification request timed out";
            self.tell_failure(check.asker, &request, &target, reason);
        }
    }

    /// A connection ended: nobody waits for its checks.
    pub(super) fn drop_checks(&mut self, id: u64) {
        self.checks.retain(|_, check| check.asker != id);
    }
}
