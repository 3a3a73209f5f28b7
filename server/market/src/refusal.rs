//! Why something is refused: the protocol's codes, and a text.

use std::fmt;

/// The protocol's codes of what the marketplace refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// Not identified.
    AuthRequired,
    /// A field is missing or not what it must be.
    InvalidMsg,
    /// A visitor without a key asks for what must be signed.
    SignatureRequired,
    /// A newcomer listens first.
    LurkMode,
    /// The signature is not the agent's over what it asks for.
    VerificationFailed,
    /// Too early, or a bound is reached.
    RateLimited,
    /// Who is meant is not online.
    AgentNotFound,
    /// No such proposal.
    ProposalNotFound,
    /// The proposal is not in the state for it, or the agent not in the place.
    InvalidProposal,
    /// Only a party of the proposal may.
    NotProposalParty,
    /// A stake is not covered.
    InsufficientReputation,
    /// The proposal was disputed before.
    DisputeAlreadyExists,
    /// No such dispute.
    DisputeNotFound,
    /// Only a party of the dispute may.
    DisputeNotParty,
    /// What is revealed is not what was committed to, or nothing is to be revealed.
    DisputeCommitmentMismatch,
    /// Evidence is not taken, or not this.
    DisputeDeadlinePassed,
    /// Not an arbiter who may do this now.
    DisputeNotArbiter,
}

impl Code {
    /// The code as it goes over the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AuthRequired => "AUTH_REQUIRED",
            Self::InvalidMsg => "INVALID_MSG",
            Self::SignatureRequired => "SIGNATURE_REQUIRED",
            Self::LurkMode => "LURK_MODE",
            Self::VerificationFailed => "VERIFICATION_FAILED",
            Self::RateLimited => "RATE_LIMITED",
            Self::AgentNotFound => "AGENT_NOT_FOUND",
            Self::ProposalNotFound => "PROPOSAL_NOT_FOUND",
            Self::InvalidProposal => "INVALID_PROPOSAL",
            Self::NotProposalParty => "NOT_PROPOSAL_PARTY",
            Self::InsufficientReputation => "INSUFFICIENT_REPUTATION",
            Self::DisputeAlreadyExists => "DISPUTE_ALREADY_EXISTS",
            Self::DisputeNotFound => "DISPUTE_NOT_FOUND",
            Self::DisputeNotParty => "DISPUTE_NOT_PARTY",
            Self::DisputeCommitmentMismatch => "DISPUTE_COMMITMENT_MISMATCH",
            Self::DisputeDeadlinePassed => "DISPUTE_DEADLINE_PASSED",
            Self::DisputeNotArbiter => "DISPUTE_NOT_ARBITER",
        }
    }

    /// A refusal with this code.
    pub(crate) fn because(self, text: impl Into<String>) -> Refusal {
        Refusal {
            code: self,
            text: text.into(),
        }
    }
}

/// What is answered instead: the `code` and `message` of ERROR.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// For programs.
    pub code: Code,
    /// For people.
    pub text: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.text)
    }
}

impl std::error::Error for Refusal {}
