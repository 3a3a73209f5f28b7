//! A message as everybody gets it.

use serde::Serialize;
use serde_json::Value;

use super::peer::Agent;
use crate::frame::now_ms;

/// The fields of a message, in their order on the wire.
#[derive(Serialize)]
pub struct Said<'m> {
    #[serde(rename = "type")]
    pub type_: &'static str,
    pub ts: i64,
    /// Who says it, with `@`.
    pub from: String,
    pub from_name: String,
    /// Channel, or agent with `@`.
    pub to: &'m str,
    pub content: &'m str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub msg_id: Option<&'m str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified: Option<bool>,
    /// See [`Agent::poses`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reserved_name: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sig: Option<&'m str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_reply_to: Option<&'m Value>,
    /// Which order the offset belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<&'m str>,
    /// Its place in the channel's order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
}

impl<'m> Said<'m> {
    /// Something that an agent says.
    pub fn by(agent: &Agent, to: &'m str, content: &'m str, msg_id: &'m str) -> Self {
        Self {
            from: agent.at(),
            from_name: agent.name.clone(),
            msg_id: Some(msg_id),
            verified: Some(agent.verified),
            reserved_name: agent.poses().then_some(true),
            ..Self::server(to, content)
        }
    }

    /// Something that the server says.
    pub fn server(to: &'m str, content: &'m str) -> Self {
        Self {
            type_: "MSG",
            ts: now_ms(),
            from: "@server".to_owned(),
            from_name: "Server".to_owned(),
            to,
            content,
            msg_id: None,
            verified: None,
            reserved_name: None,
            sig: None,
            in_reply_to: None,
            epoch: None,
            offset: None,
        }
    }
}
