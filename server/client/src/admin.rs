//! What a server's admin key allows, over short connections of its own: nobody has to be let in for it.

use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    Allowed, Banned, Client, ClientError,
    connection::{Server, connect},
    error::{chain, refusal},
    limits::Limits,
    wire::{Incoming, close, put, take},
};

/// Pages of a list that are read at most: more entries than any server of ours keeps.
const PAGES: usize = 1000;

/// A server's admin key, and where the server is.
pub struct Admin {
    server: Server,
    key: String,
    limits: Limits,
}

impl Admin {
    /// For the server at `url`; `ca_pem` is its CA, needed for `wss://`.
    #[must_use]
    pub fn new(url: &str, ca_pem: Option<&str>, key: &str) -> Self {
        Self {
            server: Server {
                url: url.to_owned(),
                ca_pem: ca_pem.map(str::to_owned),
            },
            key: key.to_owned(),
            limits: Limits::default(),
        }
    }

    /// Puts a key, PEM, on the allowlist; gives the agent's id.
    pub async fn approve(
        &self,
        public_key: &str,
        note: Option<&str>,
    ) -> Result<String, ClientError> {
        let note = note.unwrap_or("");
        let done =
            self.carry_out(json!({"type": "ADMIN_APPROVE", "pubkey": public_key, "note": note}));
        let agent = done.await?;
        Ok(agent["agentId"].as_str().unwrap_or_default().to_owned())
    }

    /// Takes a key, PEM, off the allowlist; a session that proved it ends.
    pub async fn revoke(&self, public_key: &str) -> Result<(), ClientError> {
        let frame = json!({"type": "ADMIN_REVOKE", "pubkey": public_key});
        self.carry_out(frame).await.map(drop)
    }

    /// As [`Admin::revoke`], by the agent's id.
    pub async fn revoke_agent(&self, agent: &str) -> Result<(), ClientError> {
        // Without `@`: that is the only form that all servers take here.
        let frame = json!({"type": "ADMIN_REVOKE", "agent_id": agent.trim_start_matches('@')});
        self.carry_out(frame).await.map(drop)
    }

    /// The allowlist, all of it.
    pub async fn allowed(&self) -> Result<Vec<Allowed>, ClientError> {
        self.list("allowed").await
    }

    /// All bans; a server that keeps them to itself is [`ClientError::Server`] with `UNSUPPORTED`.
    pub async fn bans(&self) -> Result<Vec<Banned>, ClientError> {
        self.list("bans").await
    }

    /// Ends an agent's session; it may come back.
    pub async fn kick(&self, agent: &str, reason: Option<&str>) -> Result<(), ClientError> {
        self.about("ADMIN_KICK", agent, reason).await
    }

    /// Ends an agent's session, and keeps the agent out.
    pub async fn ban(&self, agent: &str, reason: Option<&str>) -> Result<(), ClientError> {
        self.about("ADMIN_BAN", agent, reason).await
    }

    /// Lets an agent in again.
    pub async fn unban(&self, agent: &str) -> Result<(), ClientError> {
        self.about("ADMIN_UNBAN", agent, None).await
    }

    /// Says of an agent that is there that it is verified, or that it is not.
    pub async fn verify(&self, agent: &str, verified: bool) -> Result<(), ClientError> {
        let frame = json!({"type": "ADMIN_VERIFY", "agent_id": agent, "verified": verified});
        self.carry_out(frame).await.map(drop)
    }

    /// Sets the message of the day, or takes it away; `kick` sends all others away too.
    pub async fn set_motd(&self, motd: Option<&str>, kick: bool) -> Result<(), ClientError> {
        let frame = json!({"type": "ADMIN_MOTD", "motd": motd, "kick": kick});
        self.carry_out(frame).await.map(drop)
    }

    async fn about(
        &self,
        type_: &str,
        agent: &str,
        reason: Option<&str>,
    ) -> Result<(), ClientError> {
        let mut frame = json!({"type": type_, "agent_id": agent});
        if let Some(reason) = reason {
            frame["reason"] = reason.into();
        }
        self.carry_out(frame).await.map(drop)
    }

    /// A list, page by page. Servers that know no pages give all at once.
    async fn list<T: serde::de::DeserializeOwned>(
        &self,
        what: &str,
    ) -> Result<Vec<T>, ClientError> {
        let (mut entries, mut frame) = (vec![], json!({"type": "ADMIN_LIST"}));
        if what != "allowed" {
            frame["what"] = what.into();
        }
        for _ in 0..PAGES {
            let mut page = self.carry_out(frame.clone()).await?;
            if page["what"].as_str().unwrap_or("allowed") != what {
                let words = format!("this server can't list its {what}");
                return Err(("UNSUPPORTED".to_owned(), words).into());
            }
            let found: Vec<T> = serde_json::from_value(page["entries"].take()).map_err(|e| {
                ClientError::Disconnected(format!("ADMIN_RESULT can't be read: {e}"))
            })?;
            entries.extend(found);
            match page["next"].take() {
                next @ Value::String(_) if next != frame["after"] => frame["after"] = next,
                _ => return Ok(entries),
            }
        }
        Ok(entries)
    }

    async fn carry_out(&self, mut frame: Value) -> Result<Value, ClientError> {
        frame["admin_key"] = self.key.as_str().into();
        let lost = ClientError::Disconnected;
        let socket = connect(&self.server, self.limits.connect).await;
        let mut socket = socket.map_err(|error| lost(chain(&error)))?;
        put(&mut socket, &frame, self.limits.write)
            .await
            .map_err(lost)?;
        let answer = async {
            loop {
                if let Incoming::Frame(type_, value) = take(&mut socket).await.map_err(lost)? {
                    match type_.as_str() {
                        "ERROR" => return Err(refusal(&value).into()),
                        "ADMIN_RESULT" => return Ok(value),
                        _ => {}
                    }
                }
            }
        };
        let late = || {
            let seconds = self.limits.silence.as_secs();
            lost(format!("no answer within {seconds} s"))
        };
        let answer = timeout(self.limits.silence, answer).await;
        // The answer is what counts; a connection that breaks now changes nothing.
        close(&mut socket, self.limits.close).await;
        answer.unwrap_or_else(|_| Err(late()))
    }
}

impl Client {
    /// Puts a key on the server's allowlist.
    pub async fn admin_approve(
        &self,
        public_key: &str,
        admin_key: &str,
        note: Option<&str>,
    ) -> Result<(), ClientError> {
        let admin = self.admin(admin_key);
        admin.approve(public_key, note).await.map(drop)
    }

    /// Takes a key off the server's allowlist; a session that proved it ends.
    pub async fn admin_revoke(&self, public_key: &str, admin_key: &str) -> Result<(), ClientError> {
        self.admin(admin_key).revoke(public_key).await
    }

    /// As [`Client::admin_revoke`], by the agent's id.
    pub async fn admin_revoke_agent(
        &self,
        agent: &str,
        admin_key: &str,
    ) -> Result<(), ClientError> {
        self.admin(admin_key).revoke_agent(agent).await
    }

    /// The server's allowlist.
    pub async fn admin_list(&self, admin_key: &str) -> Result<Vec<Allowed>, ClientError> {
        self.admin(admin_key).allowed().await
    }

    fn admin(&self, key: &str) -> Admin {
        Admin {
            server: self.server(),
            key: key.to_owned(),
            limits: self.limits,
        }
    }
}
