//! Frames of the server: type and time first, then the fields in the protocol's order.

use agentchat_protocol::json::{Object, Value};

/// A frame that is being made.
pub struct Frame(Object);

impl Frame {
    pub fn new(type_: &str, now: i64) -> Self {
        Self(Object::new().with("type", type_).with("ts", now))
    }

    pub fn with(self, key: &str, value: impl Into<Value>) -> Self {
        Self(self.0.with(key, value))
    }

    pub fn json(self) -> String {
        Value::Object(self.0).to_json()
    }
}

/// A word of the server to one agent.
pub fn note(to: &str, content: &str, now: i64) -> String {
    Frame::new("MSG", now)
        .with("from", "@server")
        .with("from_name", "Server")
        .with("to", to)
        .with("content", content)
        .json()
}
