//! What parties and arbiters ask of the court.

use agentchat_protocol::{json::Object, json::Value};

use super::{
    fields::{Fields, invalid},
    sig::Sig,
};
use crate::{record::Side, refusal::Refusal};

/// DISPUTE_INTENT.
#[derive(Clone, Debug, PartialEq)]
pub struct Intent {
    pub(crate) proposal_id: String,
    pub(crate) reason: String,
    pub(crate) commitment: String,
    pub(crate) sig: Sig,
}

/// DISPUTE_REVEAL.
#[derive(Clone, Debug, PartialEq)]
pub struct Reveal {
    pub(crate) proposal_id: String,
    pub(crate) nonce: String,
    pub(crate) sig: Sig,
}

/// EVIDENCE.
#[derive(Clone, Debug, PartialEq)]
pub struct Testimony {
    pub(crate) dispute_id: String,
    /// As they came: their hashes count lone surrogates.
    pub(crate) items: Vec<Object>,
    /// The items in JavaScript's form: what the signature covers.
    pub(crate) signed: String,
    pub(crate) statement: String,
    pub(crate) sig: Sig,
}

/// ARBITER_ACCEPT.
#[derive(Clone, Debug, PartialEq)]
pub struct Judge {
    pub(crate) dispute_id: String,
    pub(crate) sig: Sig,
}

/// ARBITER_DECLINE.
#[derive(Clone, Debug, PartialEq)]
pub struct Decline {
    pub(crate) dispute_id: String,
    pub(crate) reason: Option<String>,
    /// Checked when it is given.
    pub(crate) sig: Option<Sig>,
}

/// ARBITER_VOTE.
#[derive(Clone, Debug, PartialEq)]
pub struct Vote {
    pub(crate) dispute_id: String,
    pub(crate) verdict: Side,
    pub(crate) reasoning: String,
    pub(crate) sig: Sig,
}

impl Fields<'_> {
    pub fn intent(&self) -> Result<Intent, Refusal> {
        Ok(Intent {
            proposal_id: self.proposal_id()?,
            reason: self.text("reason", self.limits.text)?,
            commitment: self.text("commitment", self.limits.short_text)?,
            sig: self.sig()?,
        })
    }

    pub fn reveal(&self) -> Result<Reveal, Refusal> {
        Ok(Reveal {
            proposal_id: self.proposal_id()?,
            nonce: self.text("nonce", self.limits.short_text)?,
            sig: self.sig()?,
        })
    }

    pub fn testimony(&self) -> Result<Testimony, Refusal> {
        let dispute_id = self.dispute_id()?;
        let list = self.object.get("items");
        let items = list.and_then(Value::as_array);
        let (Some(list), Some(items)) = (list, items) else {
            return Err(invalid("items is missing or not a list"));
        };
        let object = |item: &Value| item.as_object().cloned();
        let items: Option<Vec<_>> = items.iter().map(object).collect();
        let items = items.ok_or_else(|| invalid("each of items must be an object"))?;
        let statement = self.string("statement")?;
        let sig = self.sig()?;
        let signed = list.to_json();
        let most = self.limits.evidence_bytes;
        if signed.len() > most {
            return Err(invalid(format!("items takes more than {most} bytes")));
        }
        Ok(Testimony {
            dispute_id,
            items,
            signed,
            statement,
            sig,
        })
    }

    pub fn judge(&self) -> Result<Judge, Refusal> {
        Ok(Judge {
            dispute_id: self.dispute_id()?,
            sig: self.sig()?,
        })
    }

    pub fn decline(&self) -> Result<Decline, Refusal> {
        Ok(Decline {
            dispute_id: self.dispute_id()?,
            reason: self.optional("reason", self.limits.text)?,
            sig: self.sig().ok(),
        })
    }

    pub fn vote(&self) -> Result<Vote, Refusal> {
        let dispute_id = self.dispute_id()?;
        let verdict = Side::parse(&self.string("verdict")?);
        let wrong = || invalid("verdict must be disputant, respondent or mutual");
        Ok(Vote {
            dispute_id,
            verdict: verdict.ok_or_else(wrong)?,
            reasoning: self.string("reasoning")?,
            sig: self.sig()?,
        })
    }

    fn dispute_id(&self) -> Result<String, Refusal> {
        self.text("dispute_id", self.limits.short_text)
    }
}
