//! The court.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod arbiters;
mod filing;
mod verdict;

use agentchat_market::{Effect, Refusal};
use agentchat_protocol::{json as js, sha256_hex, signing};
use serde_json::json;

use crate::harness::{TestHarness, frames, sent};

const MINUTE: i64 = 60_000;
const NONCE: &str = "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn";

/// Two parties, 0 and 1, with a deal; the others may judge.
struct Court {
    harness: TestHarness,
    proposal: String,
    dispute: String,
}

impl Court {
    fn new(judges: u8) -> Self {
        Self::staked(judges, (0, 0))
    }

    fn staked(judges: u8, stakes: (i64, i64)) -> Self {
        let mut harness = TestHarness::new(2 + judges);
        for judge in 2..2 + usize::from(judges) {
            harness.rate(judge, 1200, 10);
        }
        let proposal = harness.deal(0, 1, stakes);
        Self {
            harness,
            proposal,
            dispute: String::new(),
        }
    }

    fn intent(&mut self, agent: usize) -> Result<Vec<Effect>, Refusal> {
        let commitment = sha256_hex(NONCE);
        let reason = "s3cret reason";
        let frame = json!({"type": "DISPUTE_INTENT", "proposal_id": self.proposal, "reason": reason,
            "commitment": commitment});
        let text = signing::dispute_intent(&self.proposal, reason, &commitment);
        let effects = self.harness.signed(agent, frame, &text)?;
        let ack = &frames(&effects, &self.harness.id(agent))[0];
        self.dispute = ack["dispute_id"].as_str().unwrap().to_owned();
        Ok(effects)
    }

    fn reveal(&mut self, agent: usize, nonce: &str) -> Result<Vec<Effect>, Refusal> {
        let frame = json!({"type": "DISPUTE_REVEAL", "proposal_id": self.proposal, "nonce": nonce});
        let text = signing::dispute_reveal(&self.proposal, nonce);
        self.harness.signed(agent, frame, &text)
    }

    /// The dispute of agent 0 with a panel; gives its three arbiters.
    fn panel(&mut self) -> Vec<usize> {
        self.intent(0).unwrap();
        let effects = self.reveal(0, NONCE).unwrap();
        let formed = &frames(&effects, &self.harness.id(0))[0];
        let arbiters = formed["arbiters"].as_array().unwrap().iter();
        arbiters
            .map(|id| self.agent(id.as_str().unwrap()))
            .collect()
    }

    fn agent(&self, id: &str) -> usize {
        self.harness
            .agents
            .iter()
            .position(|a| a.actor.id == id)
            .unwrap()
    }

    fn judge(&mut self, agent: usize) -> Result<Vec<Effect>, Refusal> {
        let frame = json!({"type": "ARBITER_ACCEPT", "dispute_id": self.dispute});
        let text = signing::arbiter_accept(&self.dispute);
        self.harness.signed(agent, frame, &text)
    }

    fn decline(&mut self, agent: usize) -> Result<Vec<Effect>, Refusal> {
        let frame = json!({"type": "ARBITER_DECLINE", "dispute_id": self.dispute, "reason": null});
        self.harness.ask(agent, &frame)
    }

    fn testify(
        &mut self,
        agent: usize,
        items: &str,
        statement: &str,
    ) -> Result<Vec<Effect>, Refusal> {
        // As text: a signature covers the keys in the order in which they are sent.
        let signed = js::parse(items).unwrap().to_json();
        let text = signing::evidence(&self.dispute, &signed);
        let sig = self.harness.agents[agent].key.sign(&text);
        let frame = format!(
            r#"{{"type":"EVIDENCE","dispute_id":"{}","items":{items},"statement":"{statement}","sig":"{sig}"}}"#,
            self.dispute
        );
        self.harness.ask_text(agent, &frame)
    }

    fn vote(&mut self, agent: usize, verdict: &str) -> Result<Vec<Effect>, Refusal> {
        let frame = json!({"type": "ARBITER_VOTE", "dispute_id": self.dispute, "verdict": verdict,
            "reasoning": "because"});
        let text = signing::arbiter_vote(&self.dispute, verdict);
        self.harness.signed(agent, frame, &text)
    }

    /// A panel that may vote.
    fn deliberation(&mut self) -> Vec<usize> {
        let panel = self.panel();
        for arbiter in &panel {
            self.judge(*arbiter).unwrap();
        }
        self.harness.pass(60 * MINUTE);
        panel
    }
}

fn types(effects: &[Effect]) -> Vec<String> {
    sent(effects).into_iter().map(|(type_, _)| type_).collect()
}
