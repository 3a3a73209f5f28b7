//! Which agent is meant.

use std::fmt;

use anyhow::{Result, anyhow, bail};

use crate::{
    chat::Present,
    exit::{Code, WithCode},
    output::plain_line,
};

/// An agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its id, with `@`.
    pub id: String,
    /// What it calls itself, when it was found by that.
    pub name: Option<String>,
}

impl Target {
    /// By its id.
    pub fn of(id: String) -> Self {
        Self { id, name: None }
    }

    /// By an id as people write it, with `@` or without.
    pub fn id(text: &str) -> Result<Self> {
        let id = text.strip_prefix('@').unwrap_or(text);
        let good = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if id.is_empty() || id.len() > 64 || !id.bytes().all(good) {
            bail!(
                "{text:?} is no agent's id; `agentctl chat who` shows ids, like @0123456789abcdef"
            );
        }
        Ok(Self::of(format!("@{id}")))
    }

    /// Among those who are there, by name.
    pub fn among(text: &str, all: Vec<Present>) -> Result<Self> {
        let mut named: Vec<_> = all.iter().filter(|p| p.agent.name == text).collect();
        if let (Some(only), true) = (named.pop(), named.is_empty()) {
            return Ok(Self {
                id: only.agent.id.clone(),
                name: Some(text.to_owned()),
            });
        }
        let named = all.iter().filter(|p| p.agent.name == text);
        let ids: Vec<_> = named.map(|p| p.agent.id.as_str()).collect();
        if !ids.is_empty() {
            let ids = ids.join(", ");
            return Err(anyhow!(
                "several agents call themselves {text}: {ids}; choose one by its id"
            )
            .code(Code::Invalid));
        }
        match all.iter().any(|p| p.agent.id == format!("@{text}")) {
            true => Self::id(text),
            false => Err(anyhow!(
                "nobody who is there is called {text}; `agentctl chat who` shows who is, and whoever is not goes \
                 by an id with its @"
            )
            .code(Code::NotFound)),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{} ({})", plain_line(&self.id), plain_line(name)),
            None => f.write_str(&plain_line(&self.id)),
        }
    }
}

/// Whether a text is the id of a key: names that look like one are not looked for.
pub fn is_key_id(text: &str) -> bool {
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    text.len() == 16 && text.bytes().all(hex)
}

#[cfg(test)]
mod tests {
    use agentchat_client::Agent;

    use super::*;
    use crate::exit::code_of;

    fn all() -> Vec<Present> {
        let present = |(id, name): (&str, &str)| {
            let value = serde_json::json!({"id": id, "name": name});
            let agent: Agent = serde_json::from_value(value).unwrap();
            Present {
                agent,
                channels: vec![],
            }
        };
        [("@1", "ada"), ("@2", "sam"), ("@3", "sam"), ("@sam", "max")]
            .map(present)
            .into()
    }

    #[test]
    fn ambiguous_name_is_refused_with_the_ids() {
        let ada = Target::among("ada", all()).unwrap();
        assert_eq!(ada.to_string(), "@1 (ada)");
        let several = Target::among("sam", all()).unwrap_err();
        assert!(several.to_string().contains("@2, @3"), "{several}");
        let nobody = Target::among("eve", all()).unwrap_err();
        assert_eq!(code_of(&nobody), Code::NotFound);
        assert_eq!(Target::among("2", all()).unwrap().id, "@2");
        assert!(Target::id("@").is_err() && Target::id("a b").is_err());
        assert!(is_key_id("0123456789abcdef") && !is_key_id("ada"));
    }
}
