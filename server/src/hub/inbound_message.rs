//! A MSG as it came in. Most are well-formed, and are read without making a tree of them; those that are written as most
//! clients do it, quicker than by way of serde.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Hub;
use crate::{
    frame::{self, Refusal, invalid},
    wire::is_plain,
};

/// What of a MSG counts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InboundMessage<'f> {
    #[serde(borrow, rename = "type")]
    type_: Cow<'f, str>,
    #[serde(borrow)]
    pub to: Cow<'f, str>,
    #[serde(borrow)]
    pub content: Cow<'f, str>,
    pub sig: Option<String>,
    /// The client's own id of the message.
    pub client_msg_id: Option<String>,
    pub in_reply_to: Option<Value>,
}

impl<'f> InboundMessage<'f> {
    /// Reads a frame; none when it is another one, or not well-formed: then the tree tells what is wrong.
    pub fn read(frame: &'f str) -> Option<Self> {
        if let Some(inbound) = Self::usual(frame) {
            return Some(inbound);
        }
        // Of another type, it is not worth the try.
        if !frame.contains("\"MSG\"") || !frame.trim_ascii_start().starts_with('{') {
            return None;
        }
        let inbound: Self = serde_json::from_str(frame).ok()?;
        (inbound.type_ == "MSG").then_some(inbound)
    }

    /// Reads a frame as `JSON.stringify` and serde write most: texts in which nothing is escaped, and no
    /// blanks between them.
    fn usual(frame: &'f str) -> Option<Self> {
        let mut rest = frame.strip_prefix(r#"{"type":"MSG","#)?.strip_suffix('}')?;
        let (mut to, mut content, mut sig, mut client_msg_id) = (None, None, None, None);
        loop {
            let (name, after) = text(rest)?;
            let (value, after) = text(after.strip_prefix(':')?)?;
            let field = match name {
                "to" => &mut to,
                "content" => &mut content,
                "sig" => &mut sig,
                "client_msg_id" => &mut client_msg_id,
                _ => return None,
            };
            if field.replace(value).is_some() {
                return None;
            }
            if after.is_empty() {
                break;
            }
            rest = after.strip_prefix(',')?;
        }
        Some(Self {
            type_: "MSG".into(),
            to: to?.into(),
            content: content?.into(),
            sig: sig.map(str::to_owned),
            client_msg_id: client_msg_id.map(str::to_owned),
            in_reply_to: None,
        })
    }
}

/// The text that JSON begins with, when nothing in it is escaped, and what follows it.
fn text(json: &str) -> Option<(&str, &str)> {
    let (text, rest) = json.strip_prefix('"')?.split_once('"')?;
    is_plain(text).then_some((text, rest))
}

impl Hub {
    /// Reads the fields of a frame, or says what is wrong with them.
    pub(super) fn inbound_message<'f>(
        &self,
        fields: &'f Map<String, Value>,
    ) -> Result<InboundMessage<'f>, Refusal> {
        let limits = &self.settings.limits;
        let to = frame::text(fields, "to")?;
        let content = frame::content(fields, limits.content)?;
        let most = limits.field;
        let sig = match fields.get("sig") {
            None | Some(Value::Null) => None,
            Some(Value::String(sig)) => Some(sig.clone()),
            Some(_) => return Err(wrong_sig(most)),
        };
        Ok(InboundMessage {
            type_: "MSG".into(),
            to: to.into(),
            content: content.into(),
            sig,
            client_msg_id: self.client_id(fields)?.map(str::to_owned),
            in_reply_to: fields.get("in_reply_to").cloned(),
        })
    }

    /// Whether all of it keeps the bounds. What is empty is left out, as is what answers nothing.
    pub(super) fn bounded<'f>(
        &self,
        mut inbound: InboundMessage<'f>,
    ) -> Result<InboundMessage<'f>, Refusal> {
        let limits = &self.settings.limits;
        frame::bounded(&inbound.content, limits.content)?;
        if !inbound.to.starts_with(['#', '@']) {
            return Err(invalid("to must start with # or @"));
        }
        let most = limits.field;
        inbound.sig = inbound.sig.filter(|sig| !sig.is_empty());
        if inbound.sig.as_ref().is_some_and(|sig| sig.len() > most) {
            return Err(wrong_sig(most));
        }
        if let Some(id) = &inbound.client_msg_id {
            self.bounded_client_id(id)?;
        }
        inbound.in_reply_to = inbound.in_reply_to.filter(|value| {
            let length = match value {
                Value::String(text) => text.len(),
                other => other.to_string().len(),
            };
            frame::is_true(value) && length <= most
        });
        Ok(inbound)
    }
}

fn wrong_sig(most: usize) -> Refusal {
    invalid(&format!(
        "sig must be a string of at most {most} characters"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(
        inbound: Option<InboundMessage<'_>>,
    ) -> Option<(String, String, Option<String>, Option<String>)> {
        let inbound = inbound?;
        assert_eq!((&*inbound.type_, inbound.in_reply_to), ("MSG", None));
        Some((
            inbound.to.into(),
            inbound.content.into(),
            inbound.sig,
            inbound.client_msg_id,
        ))
    }

    #[test]
    fn what_is_written_as_usual_is_read_as_everything_else_is() {
        let mut usual = 0;
        for (to, content, more) in [
            ("#a", "x", ""),
            ("#a", "", r#","sig":"s","client_msg_id":"c""#),
            ("@b", "hé 💬 }, {", r#","client_msg_id":"""#),
            ("", "x", r#","sig":null"#),
            ("#a", r"x\n", ""),
            ("#a", r#"\""#, ""),
            ("#a", r"\\", r#","sig":"\\""#),
            ("#a", "x\n", ""),
            ("#a", "x\u{1f}", ""),
            ("#a", "x", r##","to":"#b""##),
            ("#a", "x", r#","sig":"s","sig":"s""#),
            ("#a", "x", r#","type":"MSG""#),
            ("#a", "x", r#","more":"x""#),
            ("#a", "x", ","),
            ("#a", "x", r#","sig""#),
            ("#a", "x", r#","sig":"#),
            ("#a", "x", r#","sig":"s"#),
            ("#a", "x", r#","sig":s"#),
            ("#a", "x", r#","sig":"s"x"#),
            ("#a", "x", r#","sig" :"s""#),
        ] {
            for (before, between) in [(r#"{"type":"MSG","#, ""), (r#"{"type":"MSG", "#, " ")] {
                let frame =
                    format!(r#"{before}"to":{between}"{to}","content":"{content}"{more}}}"#);
                let read = fields(InboundMessage::usual(&frame));
                usual += usize::from(read.is_some());
                if let Some(read) = read {
                    let by_serde = serde_json::from_str(&frame).unwrap();
                    assert_eq!(Some(read), fields(Some(by_serde)), "{frame}");
                }
            }
        }
        assert_eq!(usual, 3);
        for other in [
            r#"{"type":"MSG"}"#,
            r#"{"type":"MSG",}"#,
            r#"{"type":"MSG","to":"a"}"#,
            r#"{"type":"MSG","content":"a"}"#,
            r#"{"type":"MSG","to":"a","content":"b""#,
            r#"{"type":"MSG","to":"a","content":"b"}}"#,
            r#"{"type":"MSG","to":"a","content":"b"} "#,
        ] {
            assert!(InboundMessage::usual(other).is_none(), "{other}");
        }
    }

    #[test]
    fn what_is_well_formed_is_read_and_everything_else_is_left_to_the_tree() {
        let frame = r##"{"type":"MSG","to":"#a","content":"x\n","in_reply_to":"m1"}"##;
        let inbound = InboundMessage::read(frame).unwrap();
        assert_eq!((&*inbound.to, &*inbound.content), ("#a", "x\n"));
        assert_eq!(inbound.in_reply_to, Some("m1".into()));
        for other in [
            r##"{"type":"TYPING","to":"#a","content":"\"MSG\"","also":"MSG"}"##,
            r##"{"type":"MSG","to":"#a"}"##,
            r##"{"type":"MSG","to":"#a","content":5}"##,
            r##"{"type":"MSG","to":"#a","content":"x","sig":5}"##,
            r##"{"type":"MSG","to":"#a","content":"x","client_msg_id":5}"##,
            r##"{"type":"MSG","to":"#a","to":"#b","content":"x"}"##,
            r##"{"type":"TYPING","type":"MSG","to":"#a","content":"x"}"##,
            r##"{"type":"MSG","to":"#a","content":"\ud83d"}"##,
            r##"{"type":"MSG","to":"#a","content":"x"} x"##,
            r##"{"type":"MSG","to":"#a","content":"x","more":1e999}"##,
            r##"{"type":{"MSG":null},"to":"#a","content":"x"}"##,
            r##"["MSG"]"##,
            r##" ["MSG","#a","x",null,null,null]"##,
        ] {
            assert!(InboundMessage::read(other).is_none(), "{other}");
        }
    }
}
