//! JSON as JavaScript reads and writes it.
//!
//! Two signatures of the protocol cover the hash of a value that the receiver parses and writes again, so parsing
//! and writing must agree with `JSON.parse` and `JSON.stringify` to the byte: order of keys, forms of numbers, escapes
//! and lone surrogates. [`parse`] and [`Value::to_json`] do. Nesting is bounded, at [`MAX_DEPTH`].

mod number;
mod object;
mod parse;
#[cfg(test)]
mod tests;
mod text;
mod write;

pub use number::number;
pub use object::Object;
pub use parse::{MAX_DEPTH, ParseError, parse};
pub use text::{Text, utf16_len};

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// Any number: JavaScript knows one kind.
    Number(f64),
    /// A string.
    String(Text),
    /// An array.
    Array(Vec<Value>),
    /// An object.
    Object(Object),
}

impl Value {
    /// The text, when it is a string; lone surrogates in it are U+FFFD.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text.as_str()),
            _ => None,
        }
    }

    /// The number, when it is one.
    #[must_use]
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The items, when it is an array.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The object, when it is one.
    #[must_use]
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// What JavaScript takes for true in a condition.
    #[must_use]
    pub fn is_truthy(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Bool(value) => *value,
            Self::Number(number) => *number != 0.0 && !number.is_nan(),
            Self::String(text) => !text.as_str().is_empty(),
            Self::Array(_) | Self::Object(_) => true,
        }
    }

    /// The same with U+FFFD for lone surrogates: what is kept and relayed.
    #[must_use]
    pub fn well_formed(self) -> Self {
        match self {
            Self::String(text) => Self::String(text.well_formed()),
            Self::Array(items) => Self::Array(items.into_iter().map(Self::well_formed).collect()),
            Self::Object(object) => Self::Object(object.well_formed()),
            other => other,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text.into())
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

/// Exact up to 2^53, as in JavaScript.
impl From<i64> for Value {
    #[expect(
        clippy::cast_precision_loss,
        reason = "JavaScript has no other numbers"
    )]
    fn from(number: i64) -> Self {
        Self::Number(number as f64)
    }
}

/// Exact up to 2^53, as in JavaScript.
impl From<usize> for Value {
    fn from(number: usize) -> Self {
        i64::try_from(number).unwrap_or(i64::MAX).into()
    }
}

impl From<Vec<Value>> for Value {
    fn from(items: Vec<Value>) -> Self {
        Self::Array(items)
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        Self::Object(object)
    }
}

/// `null` for what is not there.
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
