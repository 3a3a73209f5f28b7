//! From JSON or YAML text to values, refusing numbers that no value can hold instead of losing them.
//!
//! JSON's readers refuse such a number without saying where it stands, and YAML's make a null of `.nan`.

use std::fmt;

use serde::Deserialize;
use serde_json::Value;

/// A text that can't be taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// It is not of its language; what the reader says.
    Syntax(String),
    /// A number can't be represented.
    Number {
        /// Path of the field, e.g. `spec.server.port`.
        field: String,
        /// The number as it is written.
        number: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(message) => f.write_str(message),
            Self::Number { field, number } => write!(
                f,
                "{field} is {number}, but must be a number that can be represented: a whole one from {} \
                 to {}, or one up to {:e}",
                i64::MIN,
                u64::MAX,
                f64::MAX
            ),
        }
    }
}

impl std::error::Error for Error {}

/// Reads a JSON text.
///
/// # Errors
/// When it is no JSON, and when a number in it is too large for a 64-bit float.
pub fn json(text: &[u8]) -> Result<Value, Error> {
    serde_json::from_slice(text).or_else(|error| {
        if !is_number(&error) {
            return Err(Error::Syntax(error.to_string()));
        }
        // Once more, with paths.
        let mut reader = serde_json::Deserializer::from_slice(text);
        let found = serde_path_to_error::deserialize::<_, Value>(&mut reader);
        found.map_err(|at| Error::Number {
            field: at.path().to_string(),
            number: number_at(text, at.inner().line(), at.inner().column()),
        })
    })
}

/// Whether a number was the problem; there is only the text to know it by.
fn is_number(error: &serde_json::Error) -> bool {
    error.to_string().starts_with("number out of range")
}

/// The number around a position, the first of a line being 1.
fn number_at(text: &[u8], line: usize, column: usize) -> String {
    let mut lines = text.split(|byte| *byte == b'\n');
    let line = lines.nth(line.saturating_sub(1)).unwrap_or_default();
    let in_number = |byte: &&u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
    let head = &line[..column.min(line.len())];
    let start = head.len() - head.iter().rev().take_while(in_number).count();
    let number: Vec<u8> = line[start..]
        .iter()
        .take_while(in_number)
        .copied()
        .collect();
    String::from_utf8_lossy(&number).into_owned()
}

/// Reads one YAML document.
///
/// # Errors
/// When it is no YAML, when a field is there twice, and when a number in it is infinite, not a number, or
/// whole and of more than 64 bits.
pub fn yaml(document: serde_yaml::Deserializer<'_>) -> Result<Value, Error> {
    // By way of YAML's own values, which refuse a field that is there twice.
    let value = serde_path_to_error::deserialize::<_, serde_yaml::Value>(document);
    let value = value.map_err(|at| {
        let message = at.inner().to_string();
        match too_wide(&message) {
            Some(number) => Error::Number {
                field: at.path().to_string(),
                number,
            },
            None => Error::Syntax(message),
        }
    })?;
    finite(&value, "")?;
    serde_json::to_value(value).map_err(|error| Error::Syntax(error.to_string()))
}

/// The whole number of more than 64 bits that a message is about; there is only the text to know it by.
fn too_wide(message: &str) -> Option<String> {
    let (_, tail) = message.split_once("invalid type: integer `")?;
    let (number, _) = tail.split_once("` as ")?;
    Some(number.to_owned())
}

/// Fails at the first number that is infinite or not a number.
fn finite(value: &serde_yaml::Value, path: &str) -> Result<(), Error> {
    match value {
        serde_yaml::Value::Number(number) if !number.is_finite() => Err(Error::Number {
            field: path.to_owned(),
            number: number.to_string(),
        }),
        serde_yaml::Value::Sequence(values) => {
            let mut values = values.iter().enumerate();
            values.try_for_each(|(index, inner)| finite(inner, &format!("{path}[{index}]")))
        }
        serde_yaml::Value::Mapping(fields) => fields.iter().try_for_each(|(field, inner)| {
            let field = String::deserialize(field).unwrap_or_default();
            finite(inner, &crate::below(path, &field))
        }),
        serde_yaml::Value::Tagged(tagged) => finite(&tagged.value, path),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn number(field: &str, number: &str) -> Result<Value, Error> {
        Err(Error::Number {
            field: field.to_owned(),
            number: number.to_owned(),
        })
    }

    fn from_yaml(text: &str) -> Result<Value, Error> {
        yaml(serde_yaml::Deserializer::from_str(text))
    }

    #[test]
    fn json_number_that_no_float_holds_is_refused_with_its_field() {
        let nested = br#"{"spec": {"ports": [1, -1.5e400 ]}}"#;
        assert_eq!(json(nested), number("spec.ports[1]", "-1.5e400"));
        let lines = b"{\n \"spec\": {\n  \"port\": 1e999}}";
        assert_eq!(json(lines), number("spec.port", "1e999"));
        assert!(matches!(json(b"{"), Err(Error::Syntax(_))));
        let wide = json(br#"{"a": 1180591620717411303424}"#).unwrap();
        assert_eq!(wide, json!({"a": 2_f64.powi(70)}));
        let said = json(lines).unwrap_err().to_string();
        assert!(
            said.starts_with("spec.port is 1e999, but must be"),
            "{said}"
        );
    }

    #[test]
    fn yaml_number_that_no_value_holds_is_refused_with_its_field() {
        for bad in [".nan", ".inf", "-.inf"] {
            let text = format!("spec:\n  limits: [1, {{cost: {bad}}}]\n");
            assert_eq!(from_yaml(&text), number("spec.limits[1].cost", bad));
        }
        for bad in ["1180591620717411303424", "-9223372036854775809"] {
            let text = format!("spec:\n  server: {{port: {bad}}}\n");
            assert_eq!(from_yaml(&text), number("spec.server.port", bad));
        }
        assert_eq!(
            from_yaml("a: 18446744073709551615"),
            Ok(json!({"a": u64::MAX}))
        );
        let twice = from_yaml("a: {b: 1, b: 2}").unwrap_err().to_string();
        assert!(twice.contains("duplicate entry with key \"b\""), "{twice}");
    }
}
