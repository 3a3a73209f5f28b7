//! A MSG as it came in. Most are well-formed, and are read without making a tree of them.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Hub;
use crate::frame::{self, Refusal, invalid, text};

/// What of a MSG counts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heard<'f> {
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

impl<'f> Heard<'f> {
    /// Reads a frame; none when it is another one, or not well-formed: then the tree tells what is wrong.
    pub fn read(frame: &'f str) -> Option<Self> {
        // Of another type, it is not worth the try.
        let usual = frame.starts_with("{\"type\":\"MSG\"");
        let may_be = || frame.contains("\"MSG\"") && frame.trim_ascii_start().starts_with('{');
        if !usual && !may_be() {
            return None;
        }
        let heard: Self = serde_json::from_str(frame).ok()?;
        (heard.type_ == "MSG").then_some(heard)
    }
}

impl Hub {
    /// Reads the fields of a frame, or says what is wrong with them.
    pub(super) fn heard<'f>(&self, fields: &'f Map<String, Value>) -> Result<Heard<'f>, Refusal> {
        let limits = &self.settings.limits;
        let to = text(fields, "to")?;
        let content = frame::content(fields, limits.content)?;
        let most = limits.field;
        let sig = match fields.get("sig") {
            None | Some(Value::Null) => None,
            Some(Value::String(sig)) => Some(sig.clone()),
            Some(_) => return Err(wrong_sig(most)),
        };
        Ok(Heard {
            type_: "MSG".into(),
            to: to.into(),
            content: content.into(),
            sig,
            client_msg_id: self.client_id(fields)?.map(str::to_owned),
            in_reply_to: fields.get("in_reply_to").cloned(),
        })
    }

    /// Whether all of it keeps the bounds. What is empty is left out, as is what answers nothing.
    pub(super) fn bounded<'f>(&self, mut heard: Heard<'f>) -> Result<Heard<'f>, Refusal> {
        let limits = &self.settings.limits;
        frame::bounded(&heard.content, limits.content)?;
        if !heard.to.starts_with(['#', '@']) {
            return Err(invalid("to must start with # or @"));
        }
        let most = limits.field;
        heard.sig = heard.sig.filter(|sig| !sig.is_empty());
        if heard.sig.as_ref().is_some_and(|sig| sig.len() > most) {
            return Err(wrong_sig(most));
        }
        if let Some(id) = &heard.client_msg_id {
            self.bounded_client_id(id)?;
        }
        heard.in_reply_to = heard.in_reply_to.filter(|value| {
            let length = match value {
                Value::String(text) => text.len(),
                other => other.to_string().len(),
            };
            frame::is_true(value) && length <= most
        });
        Ok(heard)
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

    #[test]
    fn what_is_well_formed_is_read_and_everything_else_is_left_to_the_tree() {
        let frame = r##"{"type":"MSG","to":"#a","content":"x\n","in_reply_to":"m1"}"##;
        let heard = Heard::read(frame).unwrap();
        assert_eq!((&*heard.to, &*heard.content), ("#a", "x\n"));
        assert_eq!(heard.in_reply_to, Some("m1".into()));
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
            assert!(Heard::read(other).is_none(), "{other}");
        }
    }
}
