//! Reputation, and what it is built of.

use agentchat_protocol::json::Object;
use serde::{Deserialize, Serialize};

use super::text;
use crate::elo::EloScore;

/// An agent's reputation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rating {
    /// Who, with `@`.
    pub agent: String,
    /// The rating; at least the floor.
    pub rating: i64,
    /// Rated deals.
    pub transactions: u64,
    /// When it last changed, Unix milliseconds.
    pub updated_at: Option<i64>,
}

impl Rating {
    /// What changes depend on.
    #[must_use]
    pub fn elo_score(&self) -> EloScore {
        EloScore {
            rating: self.rating,
            transactions: self.transactions,
        }
    }
}

/// What an agent says it can do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Registration {
    /// Who, with `@`.
    pub agent: String,
    /// The skills; each has a `capability`, and whatever else was said.
    #[serde(with = "text::objects")]
    pub skills: Vec<Object>,
    /// When, Unix milliseconds.
    pub registered_at: i64,
    /// The agent's signature.
    pub sig: String,
}

/// How often two agents completed something together: the more often, the less it is worth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    /// The smaller id, with `@`.
    pub a: String,
    /// The greater id, with `@`.
    pub b: String,
    /// Rated completions.
    pub count: u64,
    /// The last of them, Unix milliseconds.
    pub last: i64,
}

impl Pair {
    /// The id of an unordered pair.
    #[must_use]
    pub fn id(one: &str, other: &str) -> String {
        format!("{} {}", one.min(other), one.max(other))
    }
}
