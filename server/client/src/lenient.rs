//! Fields as servers send them: what is absent, null or of another kind than it should be does not cost the
//! reader the whole frame.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A text, or none.
pub fn optional_text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::String(text) => Some(text),
        _ => None,
    })
}

/// A text, empty when there is none.
pub fn text<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    optional_text(from).map(Option::unwrap_or_default)
}

/// An id that a peer chose: servers pass on whatever it is.
pub fn id<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

/// True only when it says so.
pub fn flag<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    Ok(Value::deserialize(from)? == Value::Bool(true))
}

/// A whole number, or none.
pub fn optional_number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    let value = Value::deserialize(from)?;
    // Some write whole numbers with a fraction of zero.
    Ok(value.as_i64().or_else(|| value.as_f64().map(|x| x as i64)))
}

/// A whole number, 0 when there is none.
pub fn number<'de, D: Deserializer<'de>, T: TryFrom<i64> + Default>(
    from: D,
) -> Result<T, D::Error> {
    let whole = optional_number(from)?;
    Ok(whole.and_then(|n| T::try_from(n).ok()).unwrap_or_default())
}
