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
    /// Something that an agent says, at a time in Unix milliseconds.
    pub fn by(agent: &Agent, ts: i64, to: &'m str, content: &'m str, msg_id: &'m str) -> Self {
        Self {
            msg_id: Some(msg_id),
            verified: Some(agent.verified),
            reserved_name: agent.poses().then_some(true),
            ..Self::from((agent.at(), agent.name.clone()), ts, to, content)
        }
    }

    /// Something that the server says.
    pub fn server(to: &'m str, content: &'m str) -> Self {
        let server = ("@server".to_owned(), "Server".to_owned());
        Self::from(server, now_ms(), to, content)
    }

    fn from((from, from_name): (String, String), ts: i64, to: &'m str, content: &'m str) -> Self {
        Self {
            type_: "MSG",
            ts,
            from,
            from_name,
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
