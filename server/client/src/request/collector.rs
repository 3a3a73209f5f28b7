//! History that comes with a JOIN, until its end.
//!
//! A server that gives channels an order says with JOINED up to which offset history goes. Another sends all of
//! it before it answers the PING that follows.

use serde_json::Value;

use crate::{ClientError, error::refusal};

/// What has come.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Collector {
    joined: Option<Value>,
    messages: Vec<Value>,
    /// Whether the PONG was heard.
    fenced: bool,
    /// Why there is none.
    refused: Option<(String, String)>,
}

impl Collector {
    /// What a frame means; `about` whether it is about the channel. Something once all has come: the JOINED
    /// with the `messages`.
    pub fn handle_frame(
        &mut self,
        type_: &str,
        frame: &Value,
        about: bool,
    ) -> Option<Result<Value, ClientError>> {
        match type_ {
            // Later ones are about something else.
            "ERROR" if self.joined.is_none() => self.refused = Some(refusal(frame)),
            "JOINED" if about => self.joined = Some(frame.clone()),
            "MSG" if about && self.joined.is_some() && frame["replay"] == true => {
                self.messages.push(frame.clone());
            }
            "PONG" => self.fenced = true,
            _ => return None,
        }
        if self.fenced
            && let Some(refused) = self.refused.take()
        {
            return Some(Err(refused.into()));
        }
        if !self.fenced || !self.has_all() {
            return None;
        }
        let mut told = self.joined.take()?;
        told["messages"] = std::mem::take(&mut self.messages).into();
        Some(Ok(told))
    }

    /// Whether its JOINED has come: what came before is the history of another JOIN.
    pub fn has_begun(&self) -> bool {
        self.joined.is_some()
    }

    fn has_all(&self) -> bool {
        let Some(joined) = &self.joined else {
            return false;
        };
        let (Some(last), Some(since)) = (joined["offset"].as_u64(), joined["since"].as_u64())
        else {
            return true;
        };
        let newest = self.messages.last().and_then(|m| m["offset"].as_u64());
        newest.unwrap_or(since) >= last
    }
}
