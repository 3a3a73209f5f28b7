//! What single values are and have to be.

use std::net::{Ipv4Addr, Ipv6Addr};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::{flag, number, problem::Type};

/// The type that is expected, when the value has another.
pub(crate) fn wrong_type(schema: &Value, value: &Value) -> Option<Type> {
    let expected = expected(schema)?;
    let right = match expected {
        Type::Object => value.is_object(),
        Type::Array => value.is_array(),
        Type::String => value.is_string(),
        Type::Boolean => value.is_boolean(),
        Type::Integer => is_integer(value),
        Type::Number => value.is_number(),
        Type::IntegerOrString => value.is_string() || is_integer(value),
    };
    (!right).then_some(expected)
}

fn expected(schema: &Value) -> Option<Type> {
    if flag(schema, "x-kubernetes-int-or-string") {
        return Some(Type::IntegerOrString);
    }
    match schema["type"].as_str()? {
        "object" => Some(Type::Object),
        "array" => Some(Type::Array),
        "string" => Some(Type::String),
        "boolean" => Some(Type::Boolean),
        "integer" => Some(Type::Integer),
        "number" => Some(Type::Number),
        _ => None,
    }
}

fn is_integer(value: &Value) -> bool {
    matches!(value, Value::Number(number) if number::whole(number).is_some())
}

/// Whether a text has the format; formats that aren't known fit everything.
pub(crate) fn has_format(format: &str, text: &str) -> bool {
    match format {
        "date-time" => text.parse::<jiff::Timestamp>().is_ok(),
        "date" => text.parse::<jiff::civil::Date>().is_ok(),
        "byte" => BASE64_STANDARD.decode(text).is_ok(),
        "ipv4" => text.parse::<Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<Ipv6Addr>().is_ok(),
        "uuid" => uuid::Uuid::parse_str(text).is_ok(),
        "uri" => url::Url::parse(text).is_ok(),
        _ => true,
    }
}

/// Whether there are more than that many.
pub(crate) fn more(count: usize, most: u64) -> bool {
    u64::try_from(count).unwrap_or(u64::MAX) > most
}

/// Whether there are fewer than that many.
pub(crate) fn fewer(count: usize, least: u64) -> bool {
    u64::try_from(count).unwrap_or(u64::MAX) < least
}

/// What makes an entry of a list unique: no fields in a set, some in a map.
pub(crate) fn list_keys(schema: &Value) -> Option<Vec<&str>> {
    match schema["x-kubernetes-list-type"].as_str()? {
        "set" => Some(Vec::new()),
        "map" => {
            let keys = schema["x-kubernetes-list-map-keys"].as_array()?;
            Some(keys.iter().filter_map(Value::as_str).collect())
        }
        _ => None,
    }
}

/// The part of an entry that has to be unique.
pub(crate) fn list_key(entry: &Value, keys: &[&str]) -> Value {
    if keys.is_empty() {
        return entry.clone();
    }
    let mut key = json!({});
    for field in keys {
        key[*field] = entry[*field].clone();
    }
    key
}
