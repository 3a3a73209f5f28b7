//! A message as everybody gets it.

use serde_json::Value;

use super::agent::Agent;
use crate::{frame::now_ms, wire::Encoded};

/// The fields of a message, in their order on the wire.
pub struct OutboundMessage<'m> {
    pub ts: i64,
    /// Who says it, with `@`.
    pub from: String,
    pub from_name: String,
    /// Channel, or agent with `@`.
    pub to: &'m str,
    pub content: &'m str,
    pub msg_id: Option<&'m str>,
    pub verified: Option<bool>,
    /// See [`Agent::poses`].
    pub reserved_name: Option<bool>,
    pub sig: Option<&'m str>,
    pub in_reply_to: Option<&'m Value>,
    /// Which order the offset belongs to.
    pub epoch: Option<&'m str>,
    /// Its offset in the channel's order.
    pub offset: Option<u64>,
}

impl<'m> OutboundMessage<'m> {
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

    /// The frame. Not by way of serde: this is most of what a server says.
    pub fn frame(&self) -> Encoded {
        Encoded::object("MSG", self.content.len(), |object| {
            object
                .field("ts", self.ts)
                .field("from", &*self.from)
                .field("from_name", &*self.from_name)
                .field("to", self.to)
                .field("content", self.content)
                .some("msg_id", self.msg_id)
                .some("verified", self.verified)
                .some("reserved_name", self.reserved_name)
                .some("sig", self.sig)
                .some("in_reply_to", self.in_reply_to)
                .some("epoch", self.epoch)
                .some("offset", self.offset);
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_have_the_protocol_s_order_and_those_that_say_nothing_are_left_out() {
        let text = |message: &OutboundMessage| {
            String::from_utf8(message.frame().payload().to_vec()).unwrap()
        };
        let short = OutboundMessage {
            ts: 7,
            ..OutboundMessage::server("#a", "hi \"there\"")
        };
        let expected = r##"{"type":"MSG","ts":7,"from":"@server","from_name":"Server","to":"#a","content":"hi \"there\""}"##;
        assert_eq!(text(&short), expected);
        let reply = json!({"id": "m1"});
        let all = OutboundMessage {
            msg_id: Some("m2"),
            verified: Some(false),
            reserved_name: Some(true),
            sig: Some("s"),
            in_reply_to: Some(&reply),
            epoch: Some("e"),
            offset: Some(9),
            ..short
        };
        let more = r##","msg_id":"m2","verified":false,"reserved_name":true,"sig":"s","in_reply_to":{"id":"m1"},"epoch":"e","offset":9}"##;
        assert_eq!(text(&all), expected.trim_end_matches('}').to_owned() + more);
    }
}
