//! The CustomResourceDefinitions of our types, and the same as YAML.
//!
//! What `kube` derives is right for the types, but Kubernetes knows no formats of unsigned or short
//! integers: it warns of each and bounds none of them. Here they become a format that it knows, with the
//! bounds of the Rust type, so that no value is taken that the type can't hold.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use schemars::{
    Schema,
    transform::{RecursiveTransform, Transform},
};
use serde_json::Value;

use crate::{Agent, Node};

/// Formats that Kubernetes doesn't know; instead of each, one that it knows, and bounds.
const FORMATS: [(&str, &str, Option<i64>, Option<i64>); 6] = [
    ("int8", "int32", Some(i8::MIN as i64), Some(i8::MAX as i64)),
    (
        "int16",
        "int32",
        Some(i16::MIN as i64),
        Some(i16::MAX as i64),
    ),
    ("uint8", "int32", Some(0), Some(u8::MAX as i64)),
    ("uint16", "int32", Some(0), Some(u16::MAX as i64)),
    ("uint32", "int64", Some(0), Some(u32::MAX as i64)),
    // What is above the range of int64 is lost; nothing is counted that far.
    ("uint64", "int64", Some(0), None),
];

/// The definitions: file name and YAML of each.
///
/// # Errors
/// When a definition can't be written as YAML, which would be a defect of the types.
pub fn crds() -> Result<Vec<(&'static str, String)>, serde_json::Error> {
    [
        ("agents.agentchat.dev.yaml", definition::<Agent>()?),
        ("nodes.agentchat.dev.yaml", definition::<Node>()?),
    ]
    .into_iter()
    .map(|(file, crd)| Ok((file, yaml(&crd)?)))
    .collect()
}

/// The definition of a type. It is this one that is installed, not the type's own `crd()`.
///
/// # Errors
/// When the schema is none, which would be a defect of the type.
pub fn definition<K: CustomResourceExt>() -> Result<CustomResourceDefinition, serde_json::Error> {
    let mut crd = serde_json::to_value(K::crd())?;
    let versions = crd["spec"]["versions"].as_array_mut();
    for version in versions.into_iter().flatten() {
        let root = &mut version["schema"]["openAPIV3Schema"];
        let mut schema = Schema::try_from(root.take())?;
        RecursiveTransform(known_format).transform(&mut schema);
        *root = schema.to_value();
    }
    serde_json::from_value(crd)
}

/// Gives an integer a format that Kubernetes knows.
fn known_format(schema: &mut Schema) {
    let Some(format) = schema.get("format").and_then(Value::as_str) else {
        return;
    };
    let Some((_, known, least, most)) = FORMATS.iter().find(|(unknown, ..)| *unknown == format)
    else {
        return;
    };
    schema.insert("format".into(), (*known).into());
    let bound = |schema: &Schema, side: &str| schema.get(side).and_then(Value::as_f64);
    #[expect(
        clippy::cast_precision_loss,
        reason = "the bounds have 32 bits at most"
    )]
    let (least, most) = (least.map(|n| n as f64), most.map(|n| n as f64));
    if let Some(least) = least.filter(|n| bound(schema, "minimum").is_none_or(|b| b < *n)) {
        schema.insert("minimum".into(), least.into());
    }
    if let Some(most) = most.filter(|n| bound(schema, "maximum").is_none_or(|b| b > *n)) {
        schema.insert("maximum".into(), most.into());
    }
}

/// JSON is YAML; through JSON, so that the order of keys is stable.
fn yaml(crd: &CustomResourceDefinition) -> Result<String, serde_json::Error> {
    let value = serde_json::to_value(crd)?;
    serde_yaml::to_string(&value).map_err(serde::ser::Error::custom)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Formats of numbers that a Kubernetes API server knows.
    const KNOWN: [&str; 4] = ["int32", "int64", "float", "double"];

    fn each(schema: &Value, look: &mut impl FnMut(&Value)) {
        look(schema);
        match schema {
            Value::Object(fields) => fields.values().for_each(|inner| each(inner, look)),
            Value::Array(values) => values.iter().for_each(|inner| each(inner, look)),
            _ => {}
        }
    }

    #[test]
    fn number_in_a_definition_has_a_format_that_kubernetes_knows() {
        for crd in [
            definition::<Agent>().unwrap(),
            definition::<Node>().unwrap(),
        ] {
            let mut numbers = 0;
            each(&serde_json::to_value(crd).unwrap(), &mut |schema| {
                let number = schema["type"] == "integer" || schema["type"] == "number";
                if let Some(format) = schema["format"].as_str().filter(|_| number) {
                    numbers += 1;
                    assert!(KNOWN.contains(&format), "{schema}");
                }
            });
            assert!(numbers > 2);
        }
    }

    #[test]
    fn bounds_of_the_rust_type_come_with_the_format_unless_there_are_narrower_ones() {
        for (before, after) in [
            (
                json!({"format": "uint16", "minimum": 1.0, "maximum": 65_535.0}),
                json!({"format": "int32", "minimum": 1.0, "maximum": 65_535.0}),
            ),
            (
                json!({"format": "uint32", "minimum": 0.0}),
                json!({"format": "int64", "minimum": 0.0, "maximum": 4_294_967_295.0}),
            ),
            (
                json!({"format": "uint64"}),
                json!({"format": "int64", "minimum": 0.0}),
            ),
            (
                json!({"format": "int8", "minimum": -1e9}),
                json!({"format": "int32", "minimum": -128.0, "maximum": 127.0}),
            ),
            (json!({"format": "int64"}), json!({"format": "int64"})),
            (
                json!({"format": "date-time"}),
                json!({"format": "date-time"}),
            ),
        ] {
            let mut schema = Schema::try_from(json!({"properties": {"a": before}})).unwrap();
            RecursiveTransform(known_format).transform(&mut schema);
            assert_eq!(schema.to_value()["properties"]["a"], after, "{before}");
        }
    }
}
