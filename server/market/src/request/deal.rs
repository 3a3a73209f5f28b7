//! Proposals and what is answered to them.

use agentchat_protocol::signing::{self, ProposalTerms};

use super::{
    fields::{Fields, invalid},
    sig::Sig,
};
use crate::refusal::Refusal;

/// The last moment that JavaScript's dates know, in Unix milliseconds.
const LAST_DATE: f64 = 8.64e15;

/// PROPOSAL.
#[derive(Clone, Debug, PartialEq)]
pub struct Propose {
    pub(crate) to: String,
    pub(crate) task: String,
    pub(crate) amount: Option<f64>,
    pub(crate) currency: Option<String>,
    pub(crate) payment_code: Option<String>,
    pub(crate) terms: Option<String>,
    pub(crate) capability: Option<String>,
    /// Seconds from now.
    pub(crate) expires: Option<f64>,
    pub(crate) elo_stake: Option<i64>,
    pub(crate) sig: Sig,
}

impl Propose {
    /// What the signature covers.
    pub(crate) fn signed(&self) -> String {
        signing::proposal(&ProposalTerms {
            to: &self.to,
            task: &self.task,
            amount: self.amount,
            currency: self.currency.as_deref(),
            payment_code: self.payment_code.as_deref(),
            expires: self.expires,
            elo_stake: self.elo_stake,
        })
    }
}

/// ACCEPT.
#[derive(Clone, Debug, PartialEq)]
pub struct Accept {
    pub(crate) proposal_id: String,
    pub(crate) payment_code: Option<String>,
    pub(crate) elo_stake: Option<i64>,
    pub(crate) sig: Sig,
}

/// REJECT, with a reason, or COMPLETE, with a proof.
#[derive(Clone, Debug, PartialEq)]
pub struct Close {
    pub(crate) proposal_id: String,
    pub(crate) with: Option<String>,
    pub(crate) sig: Sig,
}

/// DISPUTE.
#[derive(Clone, Debug, PartialEq)]
pub struct Contest {
    pub(crate) proposal_id: String,
    pub(crate) reason: String,
    pub(crate) sig: Sig,
}

impl Fields<'_> {
    pub fn propose(&self) -> Result<Propose, Refusal> {
        let short = self.limits.short_text;
        Ok(Propose {
            to: self.agent("to")?,
            task: self.text("task", self.limits.text)?,
            sig: self.sig()?,
            expires: self.seconds()?,
            elo_stake: self.stake()?,
            amount: self.number("amount")?.filter(|n| *n != 0.0),
            currency: self.optional("currency", short)?,
            payment_code: self.optional("payment_code", short)?,
            terms: self.optional("terms", self.limits.text)?,
            capability: self.optional("capability", short)?,
        })
    }

    fn seconds(&self) -> Result<Option<f64>, Refusal> {
        let Some(value) = self.object.get("expires") else {
            return Ok(None);
        };
        // Far from overflow also when the present is added.
        let good = |n: &f64| n.abs() * 1000.0 <= LAST_DATE / 2.0;
        match value.as_number().filter(good) {
            Some(seconds) => Ok(Some(seconds).filter(|s| *s != 0.0)),
            None => Err(invalid("expires must be a number of seconds, or missing")),
        }
    }

    pub fn accept(&self) -> Result<Accept, Refusal> {
        Ok(Accept {
            proposal_id: self.proposal_id()?,
            sig: self.sig()?,
            elo_stake: self.stake()?,
            payment_code: self.optional("payment_code", self.limits.short_text)?,
        })
    }

    pub fn close(&self, with: &str) -> Result<Close, Refusal> {
        Ok(Close {
            proposal_id: self.proposal_id()?,
            sig: self.sig()?,
            with: self.optional(with, self.limits.text)?,
        })
    }

    pub fn contest(&self) -> Result<Contest, Refusal> {
        Ok(Contest {
            proposal_id: self.proposal_id()?,
            reason: self.text("reason", self.limits.text)?,
            sig: self.sig()?,
        })
    }

    pub fn proposal_id(&self) -> Result<String, Refusal> {
        self.text("proposal_id", self.limits.short_text)
    }
}
