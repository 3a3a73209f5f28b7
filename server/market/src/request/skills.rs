//! Skills: what is registered, what is looked for.

use agentchat_protocol::json::{Object, Value};

use super::{
    fields::{Fields, invalid},
    sig::Sig,
};
use crate::refusal::Refusal;

/// REGISTER_SKILLS.
#[derive(Clone, Debug, PartialEq)]
pub struct Register {
    pub(crate) skills: Vec<Object>,
    /// The list as it came, in JavaScript's form: what the signature covers.
    pub(crate) signed: String,
    pub(crate) sig: Sig,
}

/// SEARCH_SKILLS.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// The query as it came, to be repeated in the answer.
    pub(crate) echo: Value,
    pub(crate) id: Value,
    /// In lower case.
    pub(crate) capability: Option<String>,
    pub(crate) max_rate: Option<f64>,
    /// In lower case.
    pub(crate) currency: Option<String>,
    pub(crate) limit: usize,
}

impl Fields<'_> {
    pub fn register(&self) -> Result<Register, Refusal> {
        let missing = || invalid("skills must be a list of at least one skill");
        let list = self.object.get("skills").ok_or_else(missing)?;
        let items = list.as_array().filter(|s| !s.is_empty());
        let items = items.ok_or_else(missing)?;
        if items.len() > self.limits.skills_per_agent {
            let most = self.limits.skills_per_agent;
            return Err(invalid(format!("skills has more than {most} skills")));
        }
        let skills: Result<_, _> = items.iter().map(|item| self.skill(item)).collect();
        let skills = skills?;
        let sig = self.sig()?;
        let signed = list.to_json();
        if signed.len() > self.limits.skills_bytes {
            let most = self.limits.skills_bytes;
            return Err(invalid(format!("skills takes more than {most} bytes")));
        }
        Ok(Register {
            skills,
            signed,
            sig,
        })
    }

    fn skill(&self, item: &Value) -> Result<Object, Refusal> {
        let each = "each skill must be an object with a capability";
        let skill = item.as_object().ok_or_else(|| invalid(each))?;
        let fields = Fields {
            object: skill,
            limits: self.limits,
        };
        fields.text("capability", self.limits.short_text)?;
        Ok(skill.clone().well_formed())
    }

    pub fn query(&self) -> Result<Query, Refusal> {
        let wrong = || invalid("query must be an object");
        let echo = self.object.get("query").ok_or_else(wrong)?;
        let object = echo.as_object().ok_or_else(wrong)?;
        let id = self.object.get("query_id").filter(|id| id.is_truthy());
        let id = id.cloned().unwrap_or(Value::Null);
        let most = self.limits.query_bytes;
        if echo.to_json().len() + id.to_json().len() > most {
            return Err(invalid(format!(
                "query and query_id take more than {most} bytes"
            )));
        }
        let fields = Fields {
            object,
            limits: self.limits,
        };
        let lower = |text: Option<String>| text.map(|t| t.to_lowercase());
        Ok(Query {
            capability: lower(fields.optional("capability", self.limits.short_text)?),
            max_rate: fields.number("max_rate")?,
            currency: lower(fields.optional("currency", self.limits.short_text)?),
            limit: fields.results()?,
            echo: echo.clone().well_formed(),
            id: id.well_formed(),
        })
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be positive; more than fits is cut"
    )]
    fn results(&self) -> Result<usize, Refusal> {
        match self.number("limit")? {
            Some(limit) if limit < 0.0 => Err(invalid("limit must not be negative")),
            Some(limit) if limit >= 1.0 => Ok((limit as usize).min(self.limits.results)),
            _ => Ok(self.limits.results_default),
        }
    }
}
