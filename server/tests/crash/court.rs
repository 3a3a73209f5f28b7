//! Disputes, one after the other. A vote is acknowledged when the server answers what was asked after it.

use std::collections::HashMap;

use agentchat_market::{Dispute, Phase, Rating, Record, Seat};
use agentchat_protocol::{Identity, sha256_hex, signing};
use agentchat_store::Store;
use serde_json::{Value, json};

use crate::{Acknowledged, Agent, count, process::Server, text};

const ARBITERS: usize = 3;
const NONCE: &str = "nonce";

/// How far a dispute has come, as far as was told.
#[derive(Default)]
struct Case {
    proposal: Option<String>,
    accepted: bool,
    dispute: Option<String>,
    revealed: bool,
    /// Arbiters that have taken their seats.
    seated: Vec<String>,
    /// Votes that were acknowledged: arbiter, and its reasoning.
    votes: HashMap<String, String>,
}

pub struct Court {
    parties: [Agent; 2],
    arbiters: Vec<Agent>,
    case: Case,
    votes: u64,
    pub verdicts: u64,
}

impl Court {
    /// The server is stopped for a moment: arbiters need a rating that takes many deals.
    pub async fn new(server: &mut Server) -> Self {
        let keys: Vec<_> = (0..ARBITERS)
            .map(|_| Identity::generate().unwrap())
            .collect();
        server.kill();
        let store = Store::open(&server.dir.path().join("data/chat.db")).unwrap();
        for key in &keys {
            let rating = Rating {
                agent: format!("@{}", key.agent_id()),
                rating: 2000,
                transactions: 10,
                updated_at: None,
            };
            store.keep(&Record::Rating(rating)).unwrap();
        }
        drop(store);
        server.restart();
        let mut arbiters = vec![];
        for key in keys {
            arbiters.push(Agent::enter(server, key).await);
        }
        Self {
            parties: [Agent::new(server).await, Agent::new(server).await],
            arbiters,
            case: Case::default(),
            votes: 0,
            verdicts: 0,
        }
    }

    /// Hears cases until the server is gone.
    pub async fn sit(&mut self, acknowledged: &Acknowledged) {
        while self.hear(acknowledged).await.is_some() {
            self.case = Case::default();
            self.verdicts += 1;
        }
    }

    /// Brings the case to its end, from wherever it is.
    async fn hear(&mut self, acknowledged: &Acknowledged) -> Option<()> {
        let [ada, sam] = &mut self.parties;
        let case = &mut self.case;
        if case.proposal.is_none() {
            let terms = signing::ProposalTerms {
                to: &sam.id,
                task: "judged",
                ..signing::ProposalTerms::default()
            };
            let frame = json!({"type": "PROPOSAL", "to": sam.id, "task": "judged"});
            ada.sign(frame, &signing::proposal(&terms)).await?;
            let echo = ada.hear(|f| f["type"] == "PROPOSAL").await?;
            case.proposal = Some(text(&echo, "id"));
        }
        let proposal = case.proposal.clone()?;
        if !case.accepted {
            let frame = json!({"type": "ACCEPT", "proposal_id": proposal});
            sam.sign(frame, &signing::accept(&proposal, None, None))
                .await?;
            sam.hear(|f| f["type"] == "ACCEPT" && f["proposal_id"] == *proposal)
                .await?;
            case.accepted = true;
        }
        if case.dispute.is_none() {
            let commitment = sha256_hex(NONCE);
            let frame = json!({"type": "DISPUTE_INTENT", "proposal_id": proposal, "reason": "r",
                "commitment": commitment});
            let signed = signing::dispute_intent(&proposal, "r", &commitment);
            ada.sign(frame, &signed).await?;
            let ack = ada.hear(|f| f["type"] == "DISPUTE_INTENT_ACK").await?;
            case.dispute = Some(text(&ack, "dispute_id"));
        }
        let dispute = case.dispute.clone()?;
        if !case.revealed {
            let frame = json!({"type": "DISPUTE_REVEAL", "proposal_id": proposal, "nonce": NONCE});
            ada.sign(frame, &signing::dispute_reveal(&proposal, NONCE))
                .await?;
            ada.hear(|f| f["type"] == "DISPUTE_REVEALED" && f["dispute_id"] == *dispute)
                .await?;
            case.revealed = true;
        }
        for arbiter in &mut self.arbiters {
            if !case.seated.contains(&arbiter.id) {
                let frame = json!({"type": "ARBITER_ACCEPT", "dispute_id": dispute});
                let signed = signing::arbiter_accept(&dispute);
                assert!(
                    acknowledged_by(arbiter, frame, &signed).await?,
                    "not seated"
                );
                case.seated.push(arbiter.id.clone());
            }
        }
        for arbiter in &mut self.arbiters {
            while !case.votes.contains_key(&arbiter.id) {
                self.votes += 1;
                let reasoning = format!("reason {}", self.votes);
                let frame = json!({"type": "ARBITER_VOTE", "dispute_id": dispute,
                    "verdict": "disputant", "reasoning": reasoning});
                let signed = signing::arbiter_vote(&dispute, "disputant");
                // Refused until the time for evidence is over.
                if acknowledged_by(arbiter, frame, &signed).await? {
                    case.votes.insert(arbiter.id.clone(), reasoning);
                    count(acknowledged);
                }
            }
        }
        Some(())
    }

    /// What was acknowledged is in what the server left; the case goes on from there.
    pub fn check(&mut self, left: &[Record]) {
        let case = &mut self.case;
        let parties = &self.parties;
        let mut disputes = left.iter().filter_map(|record| match record {
            Record::Dispute(dispute) => Some(dispute),
            _ => None,
        });
        // A proposal that was stored and not confirmed stays as it is.
        let Some(proposal) = &case.proposal else {
            return;
        };
        let found = left.iter().find_map(|record| match record {
            Record::Proposal(found) if found.id == *proposal => Some(found),
            _ => None,
        });
        let found = found.expect("a proposal that was confirmed is lost");
        assert_eq!((&found.from, &found.to), (&parties[0].id, &parties[1].id));
        let accepted = found.status != agentchat_market::Status::Pending;
        assert!(accepted || !case.accepted, "{found:?}");
        case.accepted = accepted;
        let Some(dispute) = disputes.find(|dispute| dispute.proposal_id == *proposal) else {
            assert!(
                case.dispute.is_none(),
                "a dispute that was confirmed is lost"
            );
            return;
        };
        let id = case.dispute.get_or_insert_with(|| dispute.id.clone());
        assert_eq!(*id, dispute.id);
        let revealed = dispute.phase != Phase::RevealPending;
        assert!(revealed || !case.revealed, "{dispute:?}");
        case.revealed = revealed;
        check_seats(case, dispute);
    }

    pub async fn again(&mut self, server: &Server) {
        for agent in self.parties.iter_mut().chain(&mut self.arbiters) {
            agent.again(server).await;
        }
    }
}

fn check_seats(case: &mut Case, dispute: &Dispute) {
    for slot in &dispute.panel {
        let agent = slot.agent.clone();
        let voted = case.votes.get(&agent);
        assert!(
            voted.is_none() || slot.seat == Seat::Voted && slot.reasoning.as_ref() == voted,
            "{voted:?} {slot:?}"
        );
        let was_seated = case.seated.contains(&agent);
        assert!(!was_seated || slot.seat != Seat::Pending, "{slot:?}");
        if !was_seated && slot.seat != Seat::Pending {
            case.seated.push(agent.clone());
        }
        if let (Seat::Voted, Some(reasoning)) = (slot.seat, &slot.reasoning) {
            case.votes.insert(agent, reasoning.clone());
        }
    }
    assert!(case.votes.len() <= dispute.panel.len());
}

/// Asks for something that has no answer of its own: whether it was not refused.
async fn acknowledged_by(agent: &mut Agent, frame: Value, signed: &str) -> Option<bool> {
    agent.sign(frame, signed).await?;
    agent
        .raw
        .try_tell(json!({"type": "PING"}))
        .await
        .then_some(())?;
    let mut good = true;
    loop {
        let frame = agent.raw.next().await.ok()?;
        good &= frame["type"] != "ERROR";
        if frame["type"] == "PONG" {
            return Some(good);
        }
    }
}
