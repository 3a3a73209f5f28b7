//! Whoever has the admin key: what all verbs need.

use agentchat_client::{Admin, ClientError};
use anyhow::Result;
use serde_json::{Value, json};

use super::{
    agent::{Target, is_key_id},
    confirm::Confirm,
};
use crate::{
    chat::{Access, ChatSession, Key, Person, of_admin, present},
    exit::{Code, WithCode},
    get::{Form, render},
    output::{escaped, put},
    state::State,
};

/// Somebody with the admin key.
pub struct Moderator<'a> {
    /// The swarm's folder.
    pub state: &'a State,
    /// The server.
    pub access: Access,
    /// The connection for what needs the key.
    pub admin: Admin,
    /// Form of the output.
    pub form: Option<Form>,
    /// Whether to ask first.
    pub confirm: Confirm,
}

impl Moderator<'_> {
    /// The agent that is meant. Names are looked up by being in the chat for a moment.
    pub async fn target(&self, text: &str) -> Result<Target> {
        if text.starts_with('@') || is_key_id(text) {
            return Target::id(text).code(Code::Invalid);
        }
        let person = Person::prepare(self.access.clone(), self.state, None, Key::Free)?;
        let session = ChatSession::enter(person, &[]).await?;
        let found = present(&session, None).await;
        session.leave().await;
        Target::among(text, found?)
    }

    /// A refusal of the server.
    pub fn refused(&self, error: ClientError) -> anyhow::Error {
        of_admin(&self.access, error)
    }

    /// Says what was done to whom.
    pub fn done(&self, what: &str, target: &Target, done: Result<(), ClientError>) -> Result<()> {
        done.map_err(|error| self.refused(error))?;
        let value = json!({"agentId": target.id, "name": target.name, "done": what});
        self.show(&value, &target.id, || format!("{target} {what}\n"))
    }

    /// A result in the form that is wanted.
    pub fn show(&self, value: &Value, name: &str, text: impl FnOnce() -> String) -> Result<()> {
        let shown = match self.form {
            None => text(),
            Some(Form::Name) if name.is_empty() => String::new(),
            Some(Form::Name) => format!("{name}\n"),
            Some(Form::Json) => escaped(&render(value, Form::Json)?),
            Some(form) => render(value, form)?,
        };
        Ok(put(shown)?)
    }
}
