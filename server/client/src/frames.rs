//! What comes from the server, typed.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::lenient::{flag, id, number, optional_number, optional_text, text};

/// The server's greeting.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Welcome {
    /// Own id, with `@`.
    pub agent_id: String,
    /// Own name.
    #[serde(default, deserialize_with = "text")]
    pub name: String,
    /// Whether the server trusts the key.
    #[serde(default, deserialize_with = "flag")]
    pub verified: bool,
    /// Whether one may only listen for now.
    #[serde(default, deserialize_with = "flag")]
    pub lurk: bool,
    /// Until when, Unix milliseconds; a visitor without a key never speaks.
    #[serde(default, deserialize_with = "optional_number")]
    pub lurk_until: Option<i64>,
    /// Message of the day.
    #[serde(default, deserialize_with = "optional_text")]
    pub motd: Option<String>,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ChatMessage {
    /// Sender's id, with `@`.
    pub from: String,
    /// Sender's name.
    #[serde(default, deserialize_with = "text")]
    pub from_name: String,
    /// Channel, or own id.
    pub to: String,
    /// Text.
    pub content: String,
    /// Id of the message; the server's own notices have none.
    #[serde(default)]
    pub msg_id: Option<String>,
    /// Server's time, Unix milliseconds.
    #[serde(default, deserialize_with = "number")]
    pub ts: i64,
    /// Message that this one answers.
    #[serde(default, deserialize_with = "id")]
    pub in_reply_to: Option<String>,
    /// Whether it comes from history.
    #[serde(default, deserialize_with = "flag")]
    pub replay: bool,
    /// Whether the sender's key is trusted.
    #[serde(default, deserialize_with = "flag")]
    pub verified: bool,
    /// Place in the channel's order.
    #[serde(default)]
    pub offset: Option<u64>,
    /// Which order the offset belongs to.
    #[serde(default)]
    pub epoch: Option<String>,
}

/// A channel, as listed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Channel {
    /// Name, with `#`.
    pub name: String,
    /// How many agents are in it.
    #[serde(default, deserialize_with = "number")]
    pub agents: u64,
    /// Whether only agents come in that the server trusts.
    #[serde(default, rename = "verifiedOnly", deserialize_with = "flag")]
    pub verified_only: bool,
}

/// An agent in a channel.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Agent {
    /// Id, with `@`.
    pub id: String,
    /// Name.
    #[serde(default, deserialize_with = "text")]
    pub name: String,
    /// What it is up to, in one word.
    #[serde(default, deserialize_with = "text")]
    pub presence: String,
    /// What it is up to, in its own words.
    #[serde(default, deserialize_with = "optional_text")]
    pub status_text: Option<String>,
    /// Whether the server trusts its key.
    #[serde(default, deserialize_with = "flag")]
    pub verified: bool,
}

/// A key on the server's allowlist.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Allowed {
    /// Id that follows from the key, with `@`.
    pub agent_id: String,
    /// How the key begins.
    #[serde(default, deserialize_with = "text")]
    pub pubkey_prefix: String,
    /// When it was approved, Unix milliseconds.
    #[serde(default, deserialize_with = "number")]
    pub approved_at: i64,
    /// What was noted then.
    #[serde(default, deserialize_with = "text")]
    pub note: String,
}

/// An agent that may not come in.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Banned {
    /// Its id, with `@`.
    pub agent_id: String,
    /// Why.
    #[serde(default, deserialize_with = "text")]
    pub reason: String,
    /// Since when, Unix milliseconds.
    #[serde(default, deserialize_with = "number")]
    pub banned_at: i64,
}

/// A message that the server has taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Its id.
    pub msg_id: String,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The connection stands and the key is proven.
    Connected(Welcome),
    /// The connection is gone; the next attempt follows by itself.
    Disconnected {
        /// Why.
        reason: String,
    },
    /// Before [`Event::Connected`]: the server does not want us; the next attempt follows by itself.
    /// After it: the server refuses something that nobody waits for.
    Refused {
        /// Protocol's error code.
        code: String,
        /// Server's words.
        message: String,
    },
    /// A channel that is to be joined at each connection could not be; the next connection tries again.
    JoinRefused {
        /// Channel.
        channel: String,
        /// Protocol's error code.
        code: String,
        /// Server's words.
        message: String,
    },
    /// Messages of a channel were missed for good: the server's history no longer reaches back to the last one
    /// that was heard.
    Missed {
        /// Channel.
        channel: String,
    },
    /// A message from somebody.
    Message(ChatMessage),
    /// A piece of a file, for [`Transfers`](crate::Transfers).
    FileChunk {
        /// Sender, with `@`.
        from: String,
        /// What it sent.
        content: String,
    },
    /// Somebody came into a channel.
    AgentJoined {
        /// Channel.
        channel: String,
        /// Id, with `@`.
        agent: String,
        /// Name.
        name: String,
    },
    /// Somebody left a channel.
    AgentLeft {
        /// Channel.
        channel: String,
        /// Id, with `@`.
        agent: String,
    },
}

/// A frame's `type`, and the frame.
pub fn parse(text: &str) -> Option<(String, Value)> {
    let value: Value = serde_json::from_str(text).ok()?;
    Some((value.get("type")?.as_str()?.to_owned(), value))
}

/// The events that a frame means by itself.
pub fn events(type_: &str, value: &Value) -> Vec<Event> {
    let list = |key: &str| {
        value
            .get(key)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    let channel = value.get("channel");
    match type_ {
        // Many who came and went at a time.
        "AGENTS_CHANGED" => {
            let left = list("left").map(|agent| ("AGENT_LEFT", json!({"agent": agent})));
            let joined = list("joined").map(|member| {
                (
                    "AGENT_JOINED",
                    json!({"agent": member["id"], "name": member["name"]}),
                )
            });
            let each = left.chain(joined).filter_map(|(type_, mut frame)| {
                frame["channel"] = channel.cloned().unwrap_or_default();
                event(type_, &frame)
            });
            each.collect()
        }
        _ => event(type_, value).into_iter().collect(),
    }
}

fn event(type_: &str, value: &Value) -> Option<Event> {
    let text = |key: &str| {
        value
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    match type_ {
        "FILE_CHUNK" => Some(Event::FileChunk {
            from: text("from"),
            content: text("content"),
        }),
        "AGENT_JOINED" => Some(Event::AgentJoined {
            channel: text("channel"),
            agent: text("agent"),
            name: text("name"),
        }),
        "AGENT_LEFT" => Some(Event::AgentLeft {
            channel: text("channel"),
            agent: text("agent"),
        }),
        _ => None,
    }
}
