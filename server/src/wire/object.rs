//! A JSON object that is written field by field, into memory that is there. What serde writes is the same; this is for
//! what is written most, as serde looks at each byte of a text.

use bytes::{BufMut, BytesMut};
use serde_json::Value;

/// An object that has begun.
pub struct Object<'f> {
    frame: &'f mut BytesMut,
}

/// What a field can be.
pub trait Field {
    /// Writes it as JSON.
    fn put(self, frame: &mut BytesMut);
}

impl Field for &str {
    fn put(self, frame: &mut BytesMut) {
        if is_plain(self) {
            frame.put_u8(b'"');
            frame.put_slice(self.as_bytes());
            frame.put_u8(b'"');
        } else {
            write(self, frame);
        }
    }
}

impl Field for i64 {
    fn put(self, frame: &mut BytesMut) {
        frame.put_slice(itoa::Buffer::new().format(self).as_bytes());
    }
}

impl Field for u64 {
    fn put(self, frame: &mut BytesMut) {
        frame.put_slice(itoa::Buffer::new().format(self).as_bytes());
    }
}

impl Field for bool {
    fn put(self, frame: &mut BytesMut) {
        frame.put_slice(if self { b"true" } else { b"false" });
    }
}

impl Field for &Value {
    fn put(self, frame: &mut BytesMut) {
        write(self, frame);
    }
}

impl<'f> Object<'f> {
    /// Begins an object of this type.
    pub fn new(frame: &'f mut BytesMut, type_: &'static str) -> Self {
        frame.put_slice(b"{\"type\":");
        type_.put(frame);
        Self { frame }
    }

    /// Adds a field, whose name needs nothing escaped.
    pub fn field(&mut self, name: &'static str, value: impl Field) -> &mut Self {
        self.frame.put_slice(b",\"");
        self.frame.put_slice(name.as_bytes());
        self.frame.put_slice(b"\":");
        value.put(self.frame);
        self
    }

    /// Adds a field that may be left out.
    pub fn some(&mut self, name: &'static str, value: Option<impl Field>) -> &mut Self {
        match value {
            Some(value) => self.field(name, value),
            None => self,
        }
    }

    /// Ends it.
    pub fn end(&mut self) {
        self.frame.put_u8(b'}');
    }
}

/// Whether a text is the same in JSON, and what stands in JSON is this text.
pub fn is_plain(text: &str) -> bool {
    // All of it is looked at, so that many bytes are looked at at a time.
    let escaped = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
    !text.bytes().fold(false, |any, byte| any | escaped(byte))
}

/// Writes a value as serde does, one of text keys and finite numbers.
pub fn write(value: &(impl serde::Serialize + ?Sized), frame: &mut BytesMut) {
    // Memory takes every write.
    if let Err(error) = serde_json::to_writer(frame.writer(), value) {
        tracing::error!(%error, "a frame could not be written as JSON");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn it_is_what_serde_writes() {
        let all: String = (0..0x100).filter_map(char::from_u32).collect();
        let texts = all
            .char_indices()
            .map(|(at, char)| &all[at..at + char.len_utf8()]);
        for text in texts.chain([
            "",
            "\u{2028} 💬",
            "usual text, long enough for \u{1f} at its end",
            &all,
        ]) {
            let mut frame = BytesMut::new();
            let reply = json!({"id": [text, 1.5]});
            Object::new(&mut frame, "MSG")
                .field("text", text)
                .field("number", i64::MIN)
                .some("none", None::<&str>)
                .some("some", Some(u64::MAX))
                .field("flag", true)
                .field("no", false)
                .field("value", &reply)
                .end();
            let expected = json!({"type": "MSG", "text": text, "number": i64::MIN, "some": u64::MAX,
                "flag": true, "no": false, "value": reply});
            assert_eq!(std::str::from_utf8(&frame).unwrap(), expected.to_string());
        }
    }
}
