//! Proposals, acceptances and completions, each of which was confirmed or is in doubt.

use std::collections::{BTreeMap, HashMap, HashSet};

use agentchat_market::{EscrowStatus, Record, Status};
use agentchat_protocol::signing;
use serde_json::json;

use crate::{Acknowledged, Agent, count, process::Server, text};

/// Fewer than an agent may have open.
const OPEN: usize = 60;

/// How far a deal has come, as far as was told, and what was asked for since.
#[derive(Debug)]
struct Deal {
    task: String,
    confirmed: Status,
    asked: Status,
}

pub struct Deals {
    proposer: Agent,
    acceptor: Agent,
    /// Of this round.
    open: BTreeMap<String, Deal>,
    /// Tasks of all rounds.
    tasks: HashSet<String>,
}

impl Deals {
    pub async fn new(server: &Server) -> Self {
        Self {
            proposer: Agent::new(server).await,
            acceptor: Agent::new(server).await,
            open: BTreeMap::new(),
            tasks: HashSet::new(),
        }
    }

    /// Makes deals until the server is gone.
    pub async fn flood(&mut self, round: u64, acknowledged: &Acknowledged) {
        for n in 0..OPEN {
            let task = format!("{round}.{n}");
            let Some(id) = self.propose(&task).await else {
                return;
            };
            count(acknowledged);
            // Some stay as they are, some come to their end.
            for status in [Status::Accepted, Status::Completed]
                .into_iter()
                .take(n % 3)
            {
                if self.bring(&id, status).await.is_none() {
                    return;
                }
                count(acknowledged);
            }
        }
        // Enough of them: until the end.
        while self.proposer.raw.next().await.is_ok() {}
    }

    async fn propose(&mut self, task: &str) -> Option<String> {
        let to = self.acceptor.id.clone();
        let terms = signing::ProposalTerms {
            to: &to,
            task,
            elo_stake: Some(1),
            ..signing::ProposalTerms::default()
        };
        let frame = json!({"type": "PROPOSAL", "to": to, "task": task, "elo_stake": 1});
        self.tasks.insert(task.to_owned());
        self.proposer
            .sign(frame, &signing::proposal(&terms))
            .await?;
        let echo = self
            .proposer
            .hear(|f| f["type"] == "PROPOSAL" && f["task"] == task);
        let id = text(&echo.await?, "id");
        let deal = Deal {
            task: task.to_owned(),
            confirmed: Status::Pending,
            asked: Status::Pending,
        };
        assert!(
            self.open.insert(id.clone(), deal).is_none(),
            "one id for two"
        );
        Some(id)
    }

    /// Accepts or completes, and waits for the confirmation.
    async fn bring(&mut self, id: &str, status: Status) -> Option<()> {
        let deal = self.open.get_mut(id).unwrap();
        deal.asked = status;
        let (type_, signed) = match status {
            Status::Accepted => ("ACCEPT", signing::accept(id, None, None)),
            _ => ("COMPLETE", signing::complete(id, None)),
        };
        let frame = json!({"type": type_, "proposal_id": id});
        self.acceptor.sign(frame, &signed).await?;
        let confirmed = |f: &serde_json::Value| f["type"] == type_ && f["proposal_id"] == id;
        self.acceptor.hear(confirmed).await?;
        deal.confirmed = status;
        Some(())
    }

    /// What was confirmed is in what the server left, once; what was asked for may be.
    pub fn check(&mut self, left: &[Record]) {
        let (mut proposals, mut escrows) = (HashMap::new(), HashMap::new());
        let mut tasks = HashSet::new();
        for record in left {
            match record {
                Record::Proposal(proposal) if self.tasks.contains(&proposal.task) => {
                    assert!(tasks.insert(&proposal.task), "twice: {proposal:?}");
                    proposals.insert(&proposal.id, proposal);
                }
                Record::Escrow(escrow) => drop(escrows.insert(&escrow.proposal_id, escrow)),
                _ => {}
            }
        }
        for (id, deal) in &mut self.open {
            let proposal = proposals
                .get(id)
                .unwrap_or_else(|| panic!("lost: {deal:?}"));
            assert_eq!(proposal.task, deal.task);
            let known = [deal.confirmed, deal.asked];
            assert!(known.contains(&proposal.status), "{deal:?} {proposal:?}");
            let staked = escrows.get(id).map(|escrow| escrow.status);
            let expected = match proposal.status {
                Status::Pending => None,
                Status::Accepted => Some(EscrowStatus::Active),
                _ => Some(EscrowStatus::Settled),
            };
            assert_eq!(staked, expected, "{deal:?}");
            deal.confirmed = proposal.status;
        }
    }

    pub async fn again(&mut self, server: &Server) {
        self.proposer.again(server).await;
        self.acceptor.again(server).await;
    }

    /// The server goes on from exactly there: all deals come to their end, and those that have can't again.
    pub async fn go_on(&mut self) {
        for (id, deal) in std::mem::take(&mut self.open) {
            let confirmed = deal.confirmed;
            self.open.insert(id.clone(), deal);
            for status in [Status::Accepted, Status::Completed] {
                if confirmed == Status::Pending
                    || (confirmed, status) == (Status::Accepted, Status::Completed)
                {
                    self.bring(&id, status).await.unwrap();
                }
            }
            let frame = json!({"type": "COMPLETE", "proposal_id": id,
                "sig": self.acceptor.key.sign(&signing::complete(&id, None))});
            assert_eq!(self.acceptor.raw.refused(frame).await, "INVALID_PROPOSAL");
        }
        self.open.clear();
    }
}
