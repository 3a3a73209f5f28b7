//! Who is behind a connection.

use serde_json::{Value, json};

/// Who is behind a connection.
pub struct Agent {
    /// Without `@`.
    pub id: String,
    pub name: String,
    /// The key that it proved.
    pub pubkey: Option<String>,
    /// Whether that key is trusted.
    pub verified: bool,
    /// Until when it only listens, Unix milliseconds.
    pub lurks: Option<i64>,
    pub presence: String,
    pub status_text: Option<String>,
    /// From whom it takes direct messages and files.
    pub consent: Consent,
}

/// From whom an agent takes what is for it alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// Verified agents, and those to whom it wrote itself.
    Verified,
    /// All who may send.
    All,
    /// Nobody.
    Nobody,
}

impl Agent {
    /// A visitor without a key, who only listens.
    pub fn visitor(id: String, name: &str) -> Self {
        Self {
            id,
            name: name.to_owned(),
            pubkey: None,
            verified: false,
            lurks: Some(i64::MAX),
            presence: "online".to_owned(),
            status_text: None,
            consent: Consent::Verified,
        }
    }

    /// The id as it goes over the wire.
    pub fn at(&self) -> String {
        ["@", &self.id].concat()
    }

    /// As lists of members show it.
    pub fn member(&self) -> Value {
        let mut member = json!({"id": self.at(), "name": self.name, "verified": self.verified});
        self.mark(&mut member);
        member
    }
}
