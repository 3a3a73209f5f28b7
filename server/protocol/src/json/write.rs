//! Writing, as `JSON.stringify` does.

use super::{Object, Text, Value, number};

impl Value {
    /// The JSON text, without spaces.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        write(self, None, &mut out);
        out
    }

    /// The JSON text with only these keys of every object, in this order: what `JSON.stringify` makes of a list of
    /// keys as its second argument.
    #[must_use]
    pub fn to_json_of(&self, keys: &[&Text]) -> String {
        let mut out = String::new();
        write(self, Some(keys), &mut out);
        out
    }
}

fn write(value: &Value, keys: Option<&[&Text]>, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(n) if n.is_finite() => out.push_str(&number(*n)),
        Value::Number(_) => out.push_str("null"),
        Value::String(text) => string(text, out),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write(item, keys, out);
            }
            out.push(']');
        }
        Value::Object(object) => write_object(object, keys, out),
    }
}

fn write_object(object: &Object, keys: Option<&[&Text]>, out: &mut String) {
    out.push('{');
    let start = out.len();
    let mut field = |key: &Text, value: &Value| {
        if out.len() > start {
            out.push(',');
        }
        string(key, out);
        out.push(':');
        write(value, keys, out);
    };
    match keys {
        None => object.iter().for_each(|(key, value)| field(key, value)),
        Some(keys) => {
            for key in keys {
                if let Some((key, value)) = object.iter().find(|(k, _)| k == key) {
                    field(key, value);
                }
            }
        }
    }
    out.push('}');
}

fn string(text: &Text, out: &mut String) {
    out.push('"');
    match text.literal() {
        Some(literal) => out.push_str(literal),
        None => escape(text.as_str(), out),
    }
    out.push('"');
}

/// Escapes what must be: quotes, backslashes and control characters.
pub fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
}
