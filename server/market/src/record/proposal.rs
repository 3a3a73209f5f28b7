//! Proposals, and what is staked on them.

use serde::{Deserialize, Serialize};

use super::text;

/// How far a proposal has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Not answered yet.
    Pending,
    /// The other side took it on.
    Accepted,
    /// The other side declined.
    Rejected,
    /// Done.
    Completed,
    /// Ended in a dispute.
    Disputed,
    /// Not answered in time.
    Expired,
}

impl Status {
    /// As it goes over the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Completed => "completed",
            Self::Disputed => "disputed",
            Self::Expired => "expired",
        }
    }

    /// Whether something may still come of it.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Accepted)
    }
}

/// An offer of one agent to another. Agents are named with `@`, times are Unix milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    /// Its id.
    pub id: String,
    /// Who proposes.
    pub from: String,
    /// To whom.
    pub to: String,
    /// What is to be done, redacted.
    pub task: String,
    /// Price.
    #[serde(with = "text::number")]
    pub amount: Option<f64>,
    /// What the price is counted in.
    pub currency: Option<String>,
    /// Where to pay.
    pub payment_code: Option<String>,
    /// What else is agreed.
    pub terms: Option<String>,
    /// Which skill it is about.
    pub capability: Option<String>,
    /// Until when it can be accepted.
    pub expires: Option<i64>,
    /// How far it has come.
    pub status: Status,
    /// When it was made.
    pub created_at: i64,
    /// When it last changed.
    pub updated_at: i64,
    /// The proposer's signature.
    pub sig: String,
    /// What the proposer stakes.
    pub elo_stake: Option<i64>,
    /// What the other side stakes.
    pub acceptor_stake: i64,
    /// Who ended it: completed or disputed.
    pub ended_by: Option<String>,
    /// The proof given at completion, or the reason of a dispute.
    pub ended_with: Option<String>,
}

impl Proposal {
    /// Whether an agent is one of the two.
    #[must_use]
    pub fn is_party(&self, agent: &str) -> bool {
        self.from == agent || self.to == agent
    }

    /// The other of the two.
    #[must_use]
    pub fn other(&self, agent: &str) -> &str {
        if self.from == agent {
            &self.to
        } else {
            &self.from
        }
    }
}

/// What became of stakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EscrowStatus {
    /// Reserved.
    Active,
    /// Given back because nothing came of the deal.
    Released,
    /// Given back or transferred at the end of the deal.
    Settled,
}

/// One side's stake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stake {
    /// Who, with `@`.
    pub agent_id: String,
    /// How much; not negative.
    pub stake: i64,
}

/// What both sides stake on a proposal. Stakes are reserved, not deducted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escrow {
    /// The proposal's id.
    pub proposal_id: String,
    /// Since when, Unix milliseconds.
    pub created_at: i64,
    /// The proposer's.
    pub from: Stake,
    /// The other side's.
    pub to: Stake,
    /// What became of it.
    pub status: EscrowStatus,
    /// When the proposal expires.
    pub expires_at: Option<i64>,
    /// When it ended.
    pub settled_at: Option<i64>,
    /// Why it ended.
    pub settlement_reason: Option<String>,
}
