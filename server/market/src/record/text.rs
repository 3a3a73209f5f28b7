//! Values kept as text, so that they come back to the digit.

use agentchat_protocol::json::{self, Object, Value};
use serde::{Deserialize, Deserializer, Serializer, de::Error};

/// For objects.
pub mod objects {
    use super::*;

    pub fn serialize<S: Serializer>(objects: &[Object], to: S) -> Result<S::Ok, S::Error> {
        let objects = objects.iter().cloned().map(Value::Object).collect();
        to.serialize_str(&Value::Array(objects).to_json())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Object>, D::Error> {
        let text = String::deserialize(from)?;
        let Value::Array(items) = json::parse(&text).map_err(D::Error::custom)? else {
            return Err(D::Error::custom("not a list"));
        };
        let object = |item| match item {
            Value::Object(object) => Ok(object),
            _ => Err(D::Error::custom("not a list of objects")),
        };
        items.into_iter().map(object).collect()
    }
}

/// For numbers that may be missing.
pub mod number {
    use super::*;

    #[expect(clippy::ref_option, reason = "serde gives a reference to the field")]
    pub fn serialize<S: Serializer>(value: &Option<f64>, to: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => to.serialize_str(&json::number(*value)),
            None => to.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        let number = text.map(|text| text.parse().map_err(D::Error::custom));
        number.transpose()
    }
}
