//! A message of somebody else.

use agentchat_client::ChatMessage;
use serde::{Deserialize, Serialize};

/// A message, as it is kept and as the model gets it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InboundMessage {
    /// Sender's id, with `@`.
    pub from: String,
    /// Sender's name.
    pub from_name: String,
    /// Channel, or own id.
    pub to: String,
    /// Text.
    pub content: String,
    /// Server's time, Unix milliseconds.
    pub ts: i64,
    /// Id of the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub msg_id: Option<String>,
    /// Message that this one answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_reply_to: Option<String>,
    /// Place in the channel's order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// Which order the offset belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<String>,
    /// Whether it was handed over; in a shortened log only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub taken: bool,
}

impl InboundMessage {
    /// What tells this message from all others.
    pub fn key(&self) -> String {
        match (&self.epoch, self.offset) {
            (Some(epoch), Some(offset)) => format!("{}/{epoch}/{offset}", self.to),
            _ => format!(
                "{}//{}",
                self.to,
                self.msg_id.as_deref().unwrap_or(&self.content)
            ),
        }
    }
}

impl From<ChatMessage> for InboundMessage {
    fn from(message: ChatMessage) -> Self {
        Self {
            from: message.from,
            from_name: message.from_name,
            to: message.to,
            content: message.content,
            ts: message.ts,
            msg_id: message.msg_id,
            in_reply_to: message.in_reply_to,
            offset: message.offset,
            epoch: message.epoch,
            taken: false,
        }
    }
}
