//! Disputes before the court.

use agentchat_protocol::json::Object;
use serde::{Deserialize, Serialize};

use super::text;

/// How far a dispute has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The disputant is to reveal the nonce.
    RevealPending,
    /// The chosen arbiters are to answer.
    ArbiterResponse,
    /// The parties may give evidence.
    Evidence,
    /// The arbiters vote.
    Deliberation,
    /// There is a verdict.
    Resolved,
    /// There is no verdict, and there will be none.
    Fallback,
}

/// For whom an arbiter, or the panel, is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Who filed the dispute.
    Disputant,
    /// The other one.
    Respondent,
    /// Neither.
    Mutual,
}

impl Side {
    /// As it goes over the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disputant => "disputant",
            Self::Respondent => "respondent",
            Self::Mutual => "mutual",
        }
    }

    /// Reads what goes over the wire.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let sides = [Self::Disputant, Self::Respondent, Self::Mutual];
        sides.into_iter().find(|side| side.as_str() == text)
    }
}

/// How far an arbiter has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Seat {
    /// Has not answered.
    Pending,
    /// Judges.
    Accepted,
    /// Declined, and counts no more.
    Replaced,
    /// Has voted.
    Voted,
    /// Did not vote in time.
    Forfeited,
}

/// An arbiter's place on the panel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Who, with `@`.
    pub agent: String,
    /// How far it has come.
    pub seat: Seat,
    /// The vote.
    pub verdict: Option<Side>,
    /// Why.
    pub reasoning: Option<String>,
}

/// What a party has to say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// What it shows; each has its `hash`.
    #[serde(with = "text::objects")]
    pub items: Vec<Object>,
    /// What it says, redacted.
    pub statement: String,
    /// Its signature.
    pub sig: String,
}

/// A dispute before the court. Agents are named with `@`, times are Unix milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dispute {
    /// Its id.
    pub id: String,
    /// What it is about.
    pub proposal_id: String,
    /// Who filed it.
    pub disputant: String,
    /// The other party.
    pub respondent: String,
    /// Why it was filed, redacted.
    pub reason: String,
    /// SHA-256 of the disputant's nonce.
    pub commitment: String,
    /// The server's part of the seed.
    pub server_nonce: String,
    /// What the panel was drawn with.
    pub seed: Option<String>,
    /// How far it has come.
    pub phase: Phase,
    /// When the phase ends by itself, or when the last phase began.
    pub until: i64,
    /// When it was filed.
    pub created_at: i64,
    /// The arbiters, also those who were replaced, in the order of appointment.
    pub panel: Vec<Slot>,
    /// What the disputant has to say.
    pub disputant_evidence: Option<Evidence>,
    /// What the respondent has to say.
    pub respondent_evidence: Option<Evidence>,
    /// What came of it.
    pub verdict: Option<Side>,
}

impl Dispute {
    /// Whether something may still come of it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !matches!(self.phase, Phase::Resolved | Phase::Fallback)
    }

    /// Whether an agent is one of the two.
    #[must_use]
    pub fn is_party(&self, agent: &str) -> bool {
        self.disputant == agent || self.respondent == agent
    }

    /// The two.
    pub(crate) fn parties(&self) -> [&str; 2] {
        [&self.disputant, &self.respondent]
    }

    /// The arbiters who were not replaced.
    pub(crate) fn active(&self) -> impl Iterator<Item = &Slot> {
        self.panel.iter().filter(|slot| slot.seat != Seat::Replaced)
    }

    /// The place of an agent who was not replaced.
    pub(crate) fn slot_mut(&mut self, agent: &str) -> Option<&mut Slot> {
        let mut slots = self.panel.iter_mut();
        slots.find(|slot| slot.agent == agent && slot.seat != Seat::Replaced)
    }
}
