//! Fields of a frame, each with what is allowed in it.

use agentchat_protocol::json::{Object, Value, utf16_len};

use super::sig::Sig;
use crate::{
    limits::Limits,
    refusal::{Code, Refusal},
};

/// The largest whole number that JavaScript holds exactly.
const MAX_SAFE: f64 = 9_007_199_254_740_991.0;

pub struct Fields<'a> {
    pub object: &'a Object,
    pub limits: &'a Limits,
}

/// `INVALID_MSG` with a text.
pub fn invalid(text: impl Into<String>) -> Refusal {
    Code::InvalidMsg.because(text)
}

impl<'a> Fields<'a> {
    /// A field that is there and not `null`.
    pub fn given(&self, key: &str) -> Option<&'a Value> {
        self.object.get(key).filter(|v| **v != Value::Null)
    }

    /// A string, which may be empty.
    pub fn string(&self, key: &str) -> Result<String, Refusal> {
        let text = self.object.get(key).and_then(Value::as_str);
        text.map(str::to_owned)
            .ok_or_else(|| invalid(format!("{key} is missing or not a string")))
    }

    /// A string that is not empty, of at most `max` units.
    pub fn text(&self, key: &str, max: usize) -> Result<String, Refusal> {
        let text = self.string(key)?;
        if text.is_empty() {
            return Err(invalid(format!("{key} is empty")));
        }
        within(key, &text, max)?;
        Ok(text)
    }

    /// A string that may be missing; what JavaScript takes for false is missing.
    pub fn optional(&self, key: &str, max: usize) -> Result<Option<String>, Refusal> {
        let Some(value) = self.object.get(key).filter(|v| v.is_truthy()) else {
            return Ok(None);
        };
        let text = value
            .as_str()
            .ok_or_else(|| invalid(format!("{key} must be a string or null")))?;
        within(key, text, max)?;
        Ok(Some(text.to_owned()))
    }

    /// A number that may be missing; what JavaScript takes for false is missing, but for 0.
    pub fn number(&self, key: &str) -> Result<Option<f64>, Refusal> {
        let zero = Value::Number(0.0);
        let given = self.object.get(key);
        let Some(value) = given.filter(|v| v.is_truthy() || **v == zero) else {
            return Ok(None);
        };
        let number = value.as_number().filter(|n| n.is_finite());
        match number {
            Some(number) => Ok(Some(number)),
            None => Err(invalid(format!("{key} must be a number"))),
        }
    }

    /// What is staked: a whole number, not negative; may be missing, and 0 is nothing.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "checked to be whole and within 2^53"
    )]
    pub fn stake(&self) -> Result<Option<i64>, Refusal> {
        let Some(value) = self.given("elo_stake") else {
            return Ok(None);
        };
        let whole = |n: &f64| n.fract() == 0.0 && (0.0..=MAX_SAFE).contains(n);
        match value.as_number().filter(whole) {
            Some(stake) => Ok(Some(stake as i64).filter(|stake| *stake != 0)),
            None => Err(invalid(
                "elo_stake must be a whole number, 0 or more, or null",
            )),
        }
    }

    /// A reference to an agent, with `@`.
    pub fn agent(&self, key: &str) -> Result<String, Refusal> {
        let text = self.string(key)?;
        match text.strip_prefix('@') {
            Some(id) if (1..=64).contains(&id.len()) => Ok(text),
            _ => Err(invalid(format!("{key} must be @ and an agent id"))),
        }
    }

    /// The signature, which must be there; what can't be one verifies as none.
    pub fn sig(&self) -> Result<Sig, Refusal> {
        let sig = self.object.get("sig").filter(|v| v.is_truthy());
        let sig = sig.ok_or_else(|| invalid("sig is missing: this must be signed"))?;
        Ok(Sig::new(sig.as_str().unwrap_or_default(), self.object))
    }
}

fn within(key: &str, text: &str, max: usize) -> Result<(), Refusal> {
    match utf16_len(text) <= max {
        true => Ok(()),
        false => Err(invalid(format!("{key} is longer than {max} characters"))),
    }
}
