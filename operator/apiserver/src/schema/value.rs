//! What single values are and have to be.

use std::net::{Ipv4Addr, Ipv6Addr};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Number, Value, json};

use super::flag;

/// The type that is expected, when the value has another.
pub(super) fn wrong_type<'a>(schema: &'a Value, value: &Value) -> Option<&'a str> {
    if flag(schema, "x-kubernetes-int-or-string") {
        let either = value.is_string() || is_integer(value);
        return (!either).then_some("integer or string");
    }
    let expected = schema["type"].as_str()?;
    let right = match expected {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => is_integer(value),
        "number" => value.is_number(),
        _ => true,
    };
    (!right).then_some(expected)
}

fn is_integer(value: &Value) -> bool {
    value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|float| float.fract() == 0.0)
}

/// What a value is, in the words of the messages.
pub(super) fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) if is_integer(value) => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The rule that a number breaks.
pub(super) fn number(schema: &Value, number: &Number) -> Option<String> {
    let value = number.as_f64()?;
    if let Some(least) = schema["minimum"].as_f64() {
        let exclusive = flag(schema, "exclusiveMinimum");
        if value < least || exclusive && value <= least {
            let or = if exclusive { "" } else { " or equal to" };
            return Some(format!("should be greater than{or} {least}"));
        }
    }
    if let Some(most) = schema["maximum"].as_f64() {
        let exclusive = flag(schema, "exclusiveMaximum");
        if value > most || exclusive && value >= most {
            let or = if exclusive { "" } else { " or equal to" };
            return Some(format!("should be less than{or} {most}"));
        }
    }
    if let Some(step) = schema["multipleOf"].as_f64()
        && step > 0.0
        && (value / step).fract() != 0.0
    {
        return Some(format!("should be a multiple of {step}"));
    }
    let format = schema["format"].as_str()?;
    let fits = match format {
        "int32" => {
            number.as_i64().is_none_or(|n| i32::try_from(n).is_ok()) && !number.is_u64_only()
        }
        "int64" => !number.is_u64_only(),
        _ => true,
    };
    (!fits).then(|| format!("must be of type {format}: {number}"))
}

trait Wide {
    /// Beyond what an `i64` holds.
    fn is_u64_only(&self) -> bool;
}

impl Wide for Number {
    fn is_u64_only(&self) -> bool {
        self.is_u64() && !self.is_i64()
    }
}

/// Whether a text has the format; formats that aren't known fit everything.
pub(super) fn has_format(format: &str, text: &str) -> bool {
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
pub(super) fn more(count: usize, most: u64) -> bool {
    u64::try_from(count).unwrap_or(u64::MAX) > most
}

/// Whether there are fewer than that many.
pub(super) fn fewer(count: usize, least: u64) -> bool {
    u64::try_from(count).unwrap_or(u64::MAX) < least
}

/// What makes an entry of a list unique: no fields in a set, some in a map.
pub(super) fn list_keys(schema: &Value) -> Option<Vec<&str>> {
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
pub(super) fn list_key(entry: &Value, keys: &[&str]) -> Value {
    if keys.is_empty() {
        return entry.clone();
    }
    let mut key = json!({});
    for field in keys {
        key[*field] = entry[*field].clone();
    }
    key
}
