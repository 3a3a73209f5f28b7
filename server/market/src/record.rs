//! What is kept: the records of which the marketplace's state consists, and nothing else.
//!
//! They are stored as JSON. Values that must not change by a digit (prices, skills, evidence) are in them as text in
//! JavaScript's form.

mod dispute;
mod proposal;
mod reputation;
mod text;

use serde::Serialize;

pub use dispute::{Dispute, Evidence, Phase, Seat, Side, Slot};
pub use proposal::{Escrow, EscrowStatus, Proposal, Stake, Status};
pub use reputation::{Pair, Rating, Registration};

/// A record.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Record {
    /// An agent's reputation.
    Rating(Rating),
    /// An agent's skills.
    Skills(Registration),
    /// A proposal.
    Proposal(Box<Proposal>),
    /// What two agents stake on a proposal.
    Escrow(Escrow),
    /// A dispute before the court.
    Dispute(Box<Dispute>),
    /// What two agents completed together.
    Pair(Pair),
}

/// The kinds of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// [`Rating`].
    Rating,
    /// [`Registration`].
    Skills,
    /// [`Proposal`].
    Proposal,
    /// [`Escrow`].
    Escrow,
    /// [`Dispute`].
    Dispute,
    /// [`Pair`].
    Pair,
}

/// What is one record, now and later.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Its kind.
    pub kind: Kind,
    /// Its id among those of its kind.
    pub id: String,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 6] = [
        Self::Rating,
        Self::Skills,
        Self::Proposal,
        Self::Escrow,
        Self::Dispute,
        Self::Pair,
    ];

    /// A name for storage.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rating => "rating",
            Self::Skills => "skills",
            Self::Proposal => "proposal",
            Self::Escrow => "escrow",
            Self::Dispute => "dispute",
            Self::Pair => "pair",
        }
    }
}

impl Record {
    /// What this record is one version of.
    #[must_use]
    pub fn key(&self) -> Key {
        let (kind, id) = match self {
            Self::Rating(rating) => (Kind::Rating, rating.agent.clone()),
            Self::Skills(registration) => (Kind::Skills, registration.agent.clone()),
            Self::Proposal(proposal) => (Kind::Proposal, proposal.id.clone()),
            Self::Escrow(escrow) => (Kind::Escrow, escrow.proposal_id.clone()),
            Self::Dispute(dispute) => (Kind::Dispute, dispute.id.clone()),
            Self::Pair(pair) => (Kind::Pair, Pair::id(&pair.a, &pair.b)),
        };
        Key { kind, id }
    }

    /// The record as JSON, without its kind.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// Reads what [`Record::to_json`] wrote.
    pub fn from_json(kind: Kind, json: &str) -> Result<Self, serde_json::Error> {
        Ok(match kind {
            Kind::Rating => Self::Rating(serde_json::from_str(json)?),
            Kind::Skills => Self::Skills(serde_json::from_str(json)?),
            Kind::Proposal => Self::Proposal(serde_json::from_str(json)?),
            Kind::Escrow => Self::Escrow(serde_json::from_str(json)?),
            Kind::Dispute => Self::Dispute(serde_json::from_str(json)?),
            Kind::Pair => Self::Pair(serde_json::from_str(json)?),
        })
    }
}
