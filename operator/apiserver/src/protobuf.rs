//! Protobuf request bodies of the built-in types, decoded to the same JSON as others.
//!
//! kubectl and every client-go program write built-in objects in protobuf (`kubectl create secret`,
//! `kubectl create namespace`). Answers are always JSON, which those clients take too. Fields that
//! aren't in the tables are ones that the server ignores anyway.

mod message;

use base64::{Engine, prelude::BASE64_STANDARD};
use message::{Field, Kind, Message};
use serde_json::{Map, Value, json};

use crate::failure::Failure;

/// The media type.
pub const MEDIA_TYPE: &str = "application/vnd.kubernetes.protobuf";

/// What every such body begins with.
const MAGIC: &[u8] = b"k8s\0";

/// Decodes an object.
pub fn decode(bytes: &[u8]) -> Result<Value, Failure> {
    read(bytes).ok_or_else(|| {
        Failure::bad_request(
            "the protobuf body can't be read, or its type is not built in: send JSON instead",
        )
    })
}

fn read(bytes: &[u8]) -> Option<Value> {
    let unknown = object(&message::UNKNOWN, bytes.strip_prefix(MAGIC)?)?;
    let kind = unknown["typeMeta"]["kind"].as_str()?;
    let raw = BASE64_STANDARD.decode(unknown["raw"].as_str()?).ok()?;
    let mut decoded = object(message::of_kind(kind)?, &raw)?;
    decoded["kind"] = kind.into();
    decoded["apiVersion"] = unknown["typeMeta"]["apiVersion"].clone();
    Some(decoded)
}

fn object(message: &Message, mut bytes: &[u8]) -> Option<Value> {
    let mut fields = Map::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        let wire = Wire::read(tag & 7, &mut bytes)?;
        let Some(Field { name, kind, .. }) = message.field(tag >> 3) else {
            continue;
        };
        put(&mut fields, name, *kind, &wire)?;
    }
    Some(Value::Object(fields))
}

fn put(fields: &mut Map<String, Value>, name: &str, kind: Kind, wire: &Wire<'_>) -> Option<()> {
    match kind {
        Kind::Text => {
            let text = std::str::from_utf8(wire.bytes()?).ok()?;
            if !text.is_empty() {
                fields.insert(name.into(), text.into());
            }
        }
        Kind::Texts => {
            let text = std::str::from_utf8(wire.bytes()?).ok()?;
            push(fields, name, text.into());
        }
        Kind::Bytes => {
            fields.insert(name.into(), BASE64_STANDARD.encode(wire.bytes()?).into());
        }
        Kind::Truth => {
            fields.insert(name.into(), (wire.number()? != 0).into());
        }
        Kind::Number => {
            fields.insert(name.into(), wire.number()?.cast_signed().into());
        }
        Kind::One(message) => {
            let inner = object(message, wire.bytes()?)?;
            if inner.as_object().is_some_and(|inner| !inner.is_empty()) {
                fields.insert(name.into(), inner);
            }
        }
        Kind::Many(message) => push(fields, name, object(message, wire.bytes()?)?),
        Kind::Map(entry) => {
            let entry = object(entry, wire.bytes()?)?;
            let key = entry["key"].as_str().unwrap_or_default().to_owned();
            let value = entry.get("value").cloned().unwrap_or_else(|| "".into());
            let map = fields.entry(name).or_insert_with(|| json!({}));
            map.as_object_mut()?.insert(key, value);
        }
    }
    Some(())
}

fn push(fields: &mut Map<String, Value>, name: &str, value: Value) {
    let list = fields.entry(name).or_insert_with(|| json!([]));
    if let Some(list) = list.as_array_mut() {
        list.push(value);
    }
}

/// A value as it is on the wire.
enum Wire<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Wire<'a> {
    fn read(kind: u64, bytes: &mut &'a [u8]) -> Option<Self> {
        match kind {
            0 => varint(bytes).map(Self::Number),
            1 => take(bytes, 8).map(Self::Bytes),
            2 => {
                let length = usize::try_from(varint(bytes)?).ok()?;
                take(bytes, length).map(Self::Bytes)
            }
            5 => take(bytes, 4).map(Self::Bytes),
            _ => None,
        }
    }

    fn bytes(&self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Number(_) => None,
        }
    }

    fn number(&self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Bytes(_) => None,
        }
    }
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, tail) = bytes.split_at_checked(length)?;
    *bytes = tail;
    Some(head)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(bytes, 1)?[0];
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A length-delimited field.
    fn field(number: u8, contents: &[u8]) -> Vec<u8> {
        let length = u8::try_from(contents.len()).unwrap();
        [&[number << 3 | 2, length], contents].concat()
    }

    #[test]
    fn a_secret_is_read() {
        let label = [field(1, b"team"), field(2, b"red")].concat();
        let meta = [field(1, b"claude"), field(11, &label), field(8, b"")].concat();
        let data = [field(1, b"k"), field(2, b"\x00\xff")].concat();
        let secret = [
            field(1, &meta),
            field(2, &data),
            field(3, b"Opaque"),
            vec![5 << 3, 1],
        ]
        .concat();
        let kind = [field(1, b"v1"), field(2, b"Secret")].concat();
        let body = [MAGIC, &field(1, &kind), &field(2, &secret), &field(3, b"")].concat();
        assert_eq!(
            decode(&body).unwrap(),
            json!({
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": "claude", "labels": {"team": "red"}},
                "data": {"k": "AP8="},
                "type": "Opaque",
                "immutable": true,
            })
        );
        for length in 0..body.len() {
            let _ = decode(&body[..length]);
        }
        assert!(decode(b"k8s\0").is_err());
    }
}
