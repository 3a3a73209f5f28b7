//! What comes from the server, typed.

use serde::Deserialize;
use serde_json::Value;

/// The server's greeting.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Welcome {
    /// Own id, with `@`.
    pub agent_id: String,
    /// Own name.
    #[serde(default)]
    pub name: String,
    /// Whether the server trusts the key.
    #[serde(default)]
    pub verified: bool,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ChatMessage {
    /// Sender's id, with `@`.
    pub from: String,
    /// Sender's name.
    #[serde(default)]
    pub from_name: String,
    /// Channel, or own id.
    pub to: String,
    /// Text.
    pub content: String,
    /// Id of the message; the server's own notices have none.
    #[serde(default)]
    pub msg_id: Option<String>,
    /// Server's time, Unix milliseconds.
    #[serde(default)]
    pub ts: i64,
    /// Message that this one answers.
    #[serde(default)]
    pub in_reply_to: Option<String>,
    /// Whether it comes from history.
    #[serde(default)]
    pub replay: bool,
    /// Whether the sender's key is trusted.
    #[serde(default)]
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
    #[serde(default)]
    pub agents: u64,
}

/// A message that the server has taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Its id.
    pub msg_id: String,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The connection stands and the key is proven.
    Connected(Welcome),
    /// The connection is gone; the next attempt follows by itself.
    Disconnected {
        /// Why.
        reason: String,
    },
    /// The server does not want us; the next attempt follows by itself.
    Refused {
        /// Protocol's error code.
        code: String,
        /// Server's words.
        message: String,
    },
    /// A message from somebody.
    Message(ChatMessage),
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

/// The event that a frame means, if it means one.
pub fn event(type_: &str, value: &Value) -> Option<Event> {
    let text = |key: &str| {
        value
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    match type_ {
        "MSG" => serde_json::from_value(value.clone())
            .ok()
            .map(Event::Message),
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
