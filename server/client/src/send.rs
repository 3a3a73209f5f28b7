//! Saying something once, however often the connection breaks.

use std::{sync::atomic::Ordering, time::Duration};

use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{Client, ClientError, Sent, request::Wants, session::ConnectionState};

/// What makes a server keep a message, or a part of it, to itself for later.
const CALLBACK: &str = "@@cb:";

impl Client {
    /// Says something; returns once the server has it. The id is empty when nobody hears of it now, as with a
    /// callback.
    pub async fn send(
        &self,
        to: &str,
        content: &str,
        in_reply_to: Option<&str>,
    ) -> Result<Sent, ClientError> {
        self.send_frame(message(to, content, in_reply_to)).await
    }

    /// Says something however often the connection breaks meanwhile, for as long as `limit` lasts. Our server
    /// passes it on at most once, and once when this succeeds. Of another server's channel the history is looked
    /// up before it is said again; what it changed, as it does with secrets, is not found there.
    pub async fn send_once(
        &self,
        to: &str,
        content: &str,
        in_reply_to: Option<&str>,
        limit: Duration,
    ) -> Result<Sent, ClientError> {
        let id = random_id()?;
        self.send_as(&id, to, content, in_reply_to, limit).await
    }

    /// As [`Client::send_once`], with an id that the caller chose, of at most 64 bytes: our server passes on the
    /// first message of an id that this agent's key has used, also after another client has sent it.
    pub async fn send_as(
        &self,
        id: &str,
        to: &str,
        content: &str,
        in_reply_to: Option<&str>,
        limit: Duration,
    ) -> Result<Sent, ClientError> {
        let mut frame = message(to, content, in_reply_to);
        frame["client_msg_id"] = id.into();
        let deadline = Instant::now() + limit;
        // The server's time when it was said first.
        let mut first: Option<i64> = None;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            self.connected_within(left).await?;
            let found = match first {
                Some(since) if !self.server_knows_ids() => self.find(to, content, since).await,
                _ => Ok(None),
            };
            let now = self.clock.load(Ordering::Relaxed);
            let sent = match found {
                Ok(Some(sent)) => return Ok(sent),
                Ok(None) => {
                    first.get_or_insert(now);
                    self.send_frame(frame.clone()).await
                }
                Err(error) => Err(error),
            };
            match sent {
                Err(ClientError::Disconnected(_)) if Instant::now() < deadline => {}
                sent => return sent,
            }
        }
    }

    /// Looks whether something was said since a time of the server's.
    async fn find(&self, to: &str, content: &str, since: i64) -> Result<Option<Sent>, ClientError> {
        let own = self.options.identity.as_ref();
        // Whoever has no key is somebody else after each connection.
        let Some(own) = own.filter(|_| to.starts_with('#')) else {
            return Ok(None);
        };
        let own = format!("@{}", own.agent_id());
        let history = match self.history(to, None).await {
            Ok(history) => history.messages,
            Err(error @ ClientError::Disconnected(_)) => return Err(error),
            // Then saying it tells why not.
            Err(_) => return Ok(None),
        };
        let mut later = history.into_iter().rev().filter(|m| m.ts > since);
        let found = later.find(|m| m.from == own && m.content == content);
        Ok(found.map(|m| Sent {
            msg_id: m.msg_id.unwrap_or_default(),
        }))
    }

    /// Whether the server says a message once whose id it has had.
    fn server_knows_ids(&self) -> bool {
        matches!(
            &*self.state.borrow(),
            ConnectionState::Connected { once: true, .. }
        )
    }

    async fn send_frame(&self, frame: Value) -> Result<Sent, ClientError> {
        let callback = frame["content"]
            .as_str()
            .is_some_and(|text| text.contains(CALLBACK));
        let wants = match callback {
            true => Wants::EchoOrSilence(None),
            false => Wants::Echo,
        };
        let echo = self.ask(frame, wants).await?;
        Ok(Sent {
            msg_id: echo["msg_id"].as_str().unwrap_or_default().to_owned(),
        })
    }
}

fn message(to: &str, content: &str, in_reply_to: Option<&str>) -> Value {
    let mut frame = json!({"type": "MSG", "to": to, "content": content});
    if let Some(id) = in_reply_to {
        frame["in_reply_to"] = id.into();
    }
    frame
}

/// An id that no other message of this agent has.
fn random_id() -> Result<String, ClientError> {
    let mut bytes = [0; 16];
    let failed = |_| ClientError::Disconnected("the system gives no random numbers".into());
    SystemRandom::new().fill(&mut bytes).map_err(failed)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
