//! What agents ask for: total parsing of frames into typed requests.
//!
//! Whatever is sent, parsing ends with a request or with `INVALID_MSG`. Optional fields may be missing, `null` or
//! empty, as other clients send them.

mod court;
mod deal;
mod fields;
mod sig;
mod skills;

use agentchat_protocol::json::{self, Object};

pub use court::{Decline, Intent, Judge, Reveal, Testimony, Vote};
pub use deal::{Accept, Close, Contest, Propose};
pub use sig::Sig;
pub use skills::{Query, Register};

use self::fields::Fields;
use crate::{
    limits::Limits,
    refusal::{Code, Refusal},
};

/// The types of frames that are for the marketplace.
pub const TYPES: [&str; 13] = [
    "REGISTER_SKILLS",
    "SEARCH_SKILLS",
    "PROPOSAL",
    "ACCEPT",
    "REJECT",
    "COMPLETE",
    "DISPUTE",
    "DISPUTE_INTENT",
    "DISPUTE_REVEAL",
    "EVIDENCE",
    "ARBITER_ACCEPT",
    "ARBITER_DECLINE",
    "ARBITER_VOTE",
];

/// A request.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// REGISTER_SKILLS.
    Register(Register),
    /// SEARCH_SKILLS.
    Search(Query),
    /// PROPOSAL.
    Propose(Box<Propose>),
    /// ACCEPT.
    Accept(Accept),
    /// REJECT.
    Reject(Close),
    /// COMPLETE.
    Complete(Close),
    /// DISPUTE, which nobody judges.
    Contest(Contest),
    /// DISPUTE_INTENT.
    Intent(Intent),
    /// DISPUTE_REVEAL.
    Reveal(Reveal),
    /// EVIDENCE.
    Testify(Testimony),
    /// ARBITER_ACCEPT.
    Judge(Judge),
    /// ARBITER_DECLINE.
    Decline(Decline),
    /// ARBITER_VOTE.
    Vote(Vote),
}

impl Request {
    /// Reads a frame.
    pub fn parse(frame: &str, limits: &Limits) -> Result<Self, Refusal> {
        let value = json::parse(frame).map_err(|e| Code::InvalidMsg.because(e.to_string()))?;
        match value.as_object() {
            Some(object) => Self::from_object(object, limits),
            None => Err(Code::InvalidMsg.because("the frame has no type")),
        }
    }

    /// Reads a frame that was parsed before.
    pub fn from_object(object: &Object, limits: &Limits) -> Result<Self, Refusal> {
        let fields = Fields { object, limits };
        match object.get("type").and_then(|t| t.as_str()) {
            Some("REGISTER_SKILLS") => fields.register().map(Self::Register),
            Some("SEARCH_SKILLS") => fields.query().map(Self::Search),
            Some("PROPOSAL") => fields.propose().map(Box::new).map(Self::Propose),
            Some("ACCEPT") => fields.accept().map(Self::Accept),
            Some("REJECT") => fields.close("reason").map(Self::Reject),
            Some("COMPLETE") => fields.close("proof").map(Self::Complete),
            Some("DISPUTE") => fields.contest().map(Self::Contest),
            Some("DISPUTE_INTENT") => fields.intent().map(Self::Intent),
            Some("DISPUTE_REVEAL") => fields.reveal().map(Self::Reveal),
            Some("EVIDENCE") => fields.testimony().map(Self::Testify),
            Some("ARBITER_ACCEPT") => fields.judge().map(Self::Judge),
            Some("ARBITER_DECLINE") => fields.decline().map(Self::Decline),
            Some("ARBITER_VOTE") => fields.vote().map(Self::Vote),
            Some(_) => Err(Code::InvalidMsg.because("this type of message is not known here")),
            None => Err(Code::InvalidMsg.because("the frame has no type")),
        }
    }
}

#[cfg(test)]
mod tests;
