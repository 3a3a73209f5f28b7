//! What was said in a channel.

use serde_json::Value;

use crate::{ChatMessage, Position};

/// What was said in a channel.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    /// Oldest first.
    pub messages: Vec<ChatMessage>,
    /// Offset after which it begins; none when the server gives channels no order.
    pub since: Option<u64>,
    /// Where the channel's order stands.
    pub end: Option<Position>,
    /// Whether it begins at the position that was asked for; otherwise the server does not have that any more.
    pub resumed: bool,
}

impl History {
    /// From the answer to a request for history.
    pub(crate) fn read(mut told: Value) -> Self {
        let since = told["since"].as_u64();
        let epoch = told["epoch"].as_str().map(str::to_owned);
        let end = epoch.zip(told["offset"].as_u64());
        let frames = match told["messages"].take() {
            Value::Array(frames) => frames,
            _ => vec![],
        };
        let asked = |m: &ChatMessage| m.offset.is_none_or(|offset| Some(offset) > since);
        let messages = frames
            .into_iter()
            .filter_map(|frame| serde_json::from_value(frame).ok())
            .filter(asked);
        Self {
            messages: messages.collect(),
            since,
            end: end.map(|(epoch, offset)| Position { epoch, offset }),
            resumed: told["resumed"] == true,
        }
    }
}
