//! How far a connection has come with saying, and proving, who is behind it.

use super::{
    agent::{Agent, Consent},
    captcha::question::Question,
};

/// How far the handshake has come.
pub enum Stage {
    /// Nothing was said yet.
    Open,
    /// A key is still to be proven.
    Challenged(Challenge),
    /// The key was proven, and an older session of the same identity lives.
    Held(Held),
    /// A question is still to be answered.
    Asked(Asked),
    /// It is known who this is.
    In(Agent),
}

/// A key that is still to be proven.
pub struct Challenge {
    pub id: String,
    pub nonce: String,
    pub name: String,
    pub pubkey: String,
    pub consent: Consent,
    pub expires: i64,
    pub ticket: u64,
}

/// A key that was proven.
pub struct Proven {
    /// Without `@`.
    pub agent_id: String,
    pub name: String,
    pub pubkey: String,
    pub consent: Consent,
}

/// A newcomer that waits for the older session of its identity.
pub struct Held {
    pub proven: Proven,
    pub ticket: u64,
    /// Whether the older session has given a sign of life.
    pub alive: bool,
}

/// A question that was asked.
pub struct Asked {
    pub id: String,
    pub question: Question,
    /// Answers that may still be given.
    pub attempts: u32,
    pub ticket: u64,
    /// Who comes in with the right answer.
    pub agent: Agent,
}
