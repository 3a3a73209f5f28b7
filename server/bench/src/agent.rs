//! What an agent says before anything is measured: who it is, and where it wants to be.

use agentchat_protocol::{Identity, auth_text};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::{chat_server::ADMIN_KEY, connection::Connection};

impl Connection {
    /// Says something, with what is written next.
    pub fn say(&mut self, frame: &Value) {
        self.out.say(frame.to_string().as_bytes());
    }

    /// The next frame of a type. What else comes is passed over, and a refusal is an error.
    pub async fn hear(&mut self, type_: &str) -> Result<Value> {
        let (wanted, refusal) = (kind(type_), kind("ERROR"));
        let frame = self
            .until(|frame| {
                let found = has(frame, &wanted) || has(frame, &refusal);
                found.then(|| frame.to_vec())
            })
            .await
            .with_context(|| format!("while waiting for {type_}"))?;
        let frame: Value = serde_json::from_slice(&frame)?;
        match frame["type"] == type_ {
            true => Ok(frame),
            false => bail!("instead of {type_} the server said {frame}"),
        }
    }

    /// Proves a key.
    pub async fn prove(&mut self, name: &str, identity: &Identity) -> Result<()> {
        let key = identity.public_key_pem();
        self.say(&json!({"type": "IDENTIFY", "name": name, "pubkey": key}));
        let challenge = self.hear("CHALLENGE").await?;
        let text = |key: &str| {
            challenge[key]
                .as_str()
                .map(str::to_owned)
                .context("no text")
        };
        let (nonce, id) = (text("nonce")?, text("challenge_id")?);
        let now = std::time::UNIX_EPOCH.elapsed()?.as_millis();
        let signature = identity.sign(&auth_text(&nonce, &id, now));
        self.say(&json!({"type": "VERIFY_IDENTITY", "challenge_id": id,
            "signature": signature, "timestamp": now}));
        self.hear("WELCOME").await.map(drop)
    }

    /// Has keys approved.
    pub async fn approve(&mut self, identities: &[Identity]) -> Result<()> {
        for some in identities.chunks(100) {
            for identity in some {
                let key = identity.public_key_pem();
                self.say(&json!({"type": "ADMIN_APPROVE", "pubkey": key, "admin_key": ADMIN_KEY}));
            }
            let (result, mut missing) = (kind("ADMIN_RESULT"), some.len());
            self.until(|frame| {
                missing -= usize::from(has(frame, &result));
                (missing == 0).then_some(())
            })
            .await
            .context("while keys were approved")?;
        }
        Ok(())
    }

    /// Makes a channel, and is in it.
    pub async fn create(&mut self, channel: &str) -> Result<()> {
        self.say(&json!({"type": "CREATE_CHANNEL", "channel": channel}));
        self.hear("JOINED").await.map(drop)
    }

    /// Joins a channel.
    pub async fn join(&mut self, channel: &str) -> Result<Value> {
        self.say(&json!({"type": "JOIN", "channel": channel}));
        self.hear("JOINED").await
    }

    /// Everything that was said to this agent so far has come.
    pub async fn settle(&mut self) -> Result<()> {
        self.say(&json!({"type": "PING"}));
        self.hear("PONG").await.map(drop)
    }
}

/// How a type stands in a frame.
pub fn kind(type_: &str) -> Vec<u8> {
    format!("\"type\":\"{type_}\"").into_bytes()
}

/// Whether a frame has it.
pub fn has(frame: &[u8], kind: &[u8]) -> bool {
    frame.windows(kind.len()).any(|window| window == kind)
}
