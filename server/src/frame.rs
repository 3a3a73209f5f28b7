//! Frames: total parsing of what comes in, building of what goes out.

mod surrogates;

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

/// A refusal: protocol's code and a text for people.
pub type Refusal = (&'static str, String);

/// A frame's type and fields; anything else is refused.
pub fn parse(text: &str) -> Result<(String, Map<String, Value>), Refusal> {
    let value = serde_json::from_str(text).or_else(|error| match surrogates::mend(text) {
        Some(mended) => serde_json::from_str(&mended),
        None => Err(error),
    });
    match value {
        Ok(Value::Object(fields)) => match fields.get("type").and_then(Value::as_str) {
            Some(type_) => Ok((type_.to_owned(), fields)),
            None => Err(invalid("the frame has no type")),
        },
        Ok(_) => Err(invalid("the frame has no type")),
        Err(error) => Err(invalid(&format!("the frame is not JSON: {error}"))),
    }
}

/// `INVALID_MSG` with a text.
pub fn invalid(text: &str) -> Refusal {
    ("INVALID_MSG", text.to_owned())
}

/// A string field.
pub fn text<'a>(fields: &'a Map<String, Value>, key: &str) -> Result<&'a str, Refusal> {
    let wrong = || invalid(&format!("{key} is missing or not a string"));
    fields.get(key).and_then(Value::as_str).ok_or_else(wrong)
}

/// A channel field: `#` and 1 to 31 of letters, digits, `_` and `-`.
pub fn channel(fields: &Map<String, Value>) -> Result<&str, Refusal> {
    let name = text(fields, "channel")?;
    let good = name.strip_prefix('#').is_some_and(|rest| is_name(rest, 31));
    if good {
        Ok(name)
    } else {
        Err(invalid("channel must be # and 1 to 31 of a-z A-Z 0-9 _ -"))
    }
}

/// A name of at most `max` letters, digits, `_` and `-`.
pub fn is_name(text: &str, max: usize) -> bool {
    let good = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    (1..=max).contains(&text.len()) && text.bytes().all(good)
}

/// The content of a message, of at most `most` characters.
pub fn content(fields: &Map<String, Value>, most: usize) -> Result<&str, Refusal> {
    let content = text(fields, "content")?;
    bounded(content, most)?;
    Ok(content)
}

/// Whether the content of a message has at most `most` characters.
pub fn bounded(content: &str, most: usize) -> Result<(), Refusal> {
    let error = || invalid(&format!("content is longer than {most} characters"));
    (!longer(content, most)).then_some(()).ok_or_else(error)
}

/// A field that names an agent: `@` and its id, which is given without `@`.
pub fn agent<'a>(fields: &'a Map<String, Value>, key: &str) -> Result<&'a str, Refusal> {
    let id = text(fields, key)?
        .strip_prefix('@')
        .filter(|id| !id.is_empty());
    id.ok_or_else(|| invalid(&format!("{key} must be @ and an agent id")))
}

/// A number that is not 0.
pub fn number<'a>(fields: &'a Map<String, Value>, key: &str) -> Result<(&'a Value, f64), Refusal> {
    let value = fields.get(key);
    let number = value.and_then(|value| Some((value, value.as_f64()?)));
    let number = number.filter(|(_, number)| *number != 0.0);
    number.ok_or_else(|| invalid(&format!("{key} is missing or not a number")))
}

/// What the field says, as JavaScript takes it for true or false.
pub fn truthy(fields: &Map<String, Value>, key: &str) -> bool {
    fields.get(key).is_some_and(is_true)
}

/// Whether JavaScript takes a value for true.
pub fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::String(text) => !text.is_empty(),
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::Array(_) | Value::Object(_) => true,
    }
}

/// Whether a text has more than `most` characters, counted as JavaScript does.
pub fn longer(text: &str, most: usize) -> bool {
    // No text has more characters than bytes.
    text.len() > most && text.encode_utf16().count() > most
}

/// The first `most` characters of a text, counted as JavaScript does.
pub fn cut(text: &str, most: usize) -> String {
    let mut left = most;
    let fits = |c: &char| {
        let fits = c.len_utf16() <= left;
        left = left.saturating_sub(c.len_utf16());
        fits
    };
    text.chars().take_while(fits).collect()
}

/// A frame of the server: type and time first.
pub fn make(type_: &str, fields: Value) -> Value {
    let mut frame = json!({"type": type_, "ts": now_ms()});
    if let (Some(frame), Value::Object(fields)) = (frame.as_object_mut(), fields) {
        frame.extend(fields);
    }
    frame
}

/// Unix time in milliseconds.
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since
        .ok()
        .and_then(|d| i64::try_from(d.as_millis()).ok())
        .unwrap_or(0)
}

/// A time as JavaScript writes it.
pub fn iso(ms: i64) -> Option<String> {
    let time = jiff::Timestamp::from_millisecond(ms).ok()?;
    Some(format!("{time:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anything_but_an_object_with_a_type_is_refused() {
        for bad in [
            "null",
            "1",
            "[]",
            "\"x\"",
            "{}",
            "{\"type\":1}",
            "{",
            "",
            "{\"type\":null}",
        ] {
            assert_eq!(parse(bad).unwrap_err().0, "INVALID_MSG", "{bad}");
        }
        assert_eq!(parse("{\"type\":\"PING\"}").unwrap().0, "PING");
    }

    #[test]
    fn lengths_count_as_javascript_does() {
        // One character of two units, of four bytes.
        assert!(!longer("😀", 2) && longer("😀", 1));
        assert!(!longer("äää", 3) && longer("äää", 2));
        assert_eq!((&*cut("a😀b", 3), &*cut("a😀b", 2)), ("a😀", "a"));
        assert_eq!(cut("abc", 3), "abc");
    }

    #[test]
    fn half_a_character_is_taken_for_an_unknown_one() {
        let (_, fields) = parse(r#"{"type":"MSG","content":"a\ud83d b"}"#).unwrap();
        assert_eq!(fields["content"], "a\u{fffd} b");
    }

    #[test]
    fn channels_have_their_alphabet() {
        let check = |name: &str| {
            let (_, fields) = parse(&json!({"type": "JOIN", "channel": name}).to_string()).unwrap();
            channel(&fields).is_ok()
        };
        assert!(check("#general") && check("#A_b-9"));
        for bad in ["general", "#", "#ä", "# a", &format!("#{}", "a".repeat(32))] {
            assert!(!check(bad), "{bad}");
        }
    }
}
