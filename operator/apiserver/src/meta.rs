//! `metadata`: reading it, what the server owns in it, and what is valid.

use agentchat_schema::{NameRule, metadata};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::failure::Cause;

/// What only the server writes.
const OWNED: [&str; 8] = [
    "name",
    "namespace",
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "resourceVersion",
];

/// A text field of the metadata; empty when absent.
pub fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object["metadata"][field].as_str().unwrap_or_default()
}

/// Whether deletion was asked for.
pub fn deleting(object: &Value) -> bool {
    object["metadata"]["deletionTimestamp"].is_string()
}

/// The finalizers.
pub fn finalizers(object: &Value) -> &[Value] {
    object["metadata"]["finalizers"]
        .as_array()
        .map_or(&[], Vec::as_slice)
}

/// A timestamp as Kubernetes writes it: UTC, whole seconds.
pub fn time(now: Timestamp) -> String {
    now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Marks the object as being deleted.
pub fn mark_deleted(object: &mut Value, generation: bool, now: Timestamp) {
    let metadata = &mut object["metadata"];
    metadata["deletionTimestamp"] = time(now).into();
    metadata["deletionGracePeriodSeconds"] = 0.into();
    if generation {
        bump(metadata);
    }
}

/// Adds one to the generation.
pub fn bump(metadata: &mut Value) {
    metadata["generation"] = (metadata["generation"].as_i64().unwrap_or_default() + 1).into();
}

/// Takes what the server owns from the current object.
pub fn keep_owned(object: &mut Value, current: &Value) {
    for field in OWNED {
        match &current["metadata"][field] {
            Value::Null => {
                if let Some(metadata) = object["metadata"].as_object_mut() {
                    metadata.remove(field);
                }
            }
            value => object["metadata"][field] = value.clone(),
        }
    }
}

/// Drops what the server fills in itself on creation.
pub fn drop_owned(metadata: &mut Map<String, Value>) {
    for field in OWNED {
        if !matches!(field, "name" | "namespace" | "resourceVersion") {
            metadata.remove(field);
        }
    }
}

/// Drops unknown, empty and null fields; returns the paths of the unknown ones.
pub fn tidy(object: &mut Value) -> Vec<String> {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.retain(|field, value| match value {
            _ if matches!(field.as_str(), "managedFields" | "selfLink") => false,
            Value::Null => false,
            Value::Object(fields) => !fields.is_empty(),
            Value::Array(values) => !values.is_empty(),
            Value::String(text) => !text.is_empty(),
            _ => true,
        });
    }
    let unknown = metadata::prune(object);
    metadata::default(object);
    unknown.into_iter().map(|problem| problem.field).collect()
}

/// What is wrong with the metadata.
pub fn validate(object: &Value, name: NameRule) -> Vec<Cause> {
    let mut causes = Vec::new();
    if text(object, "name").is_empty() {
        let why = "Required value: name or generateName is required";
        causes.push(Cause::new("FieldValueRequired", "metadata.name", why));
    }
    let problems = metadata::validate(object, name);
    causes.extend(problems.into_iter().map(Cause::from));
    causes
}

/// `PartialObjectMetadata` of an object.
pub fn partial(object: &Value) -> Value {
    json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": object["metadata"],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_fields_go_and_unknown_ones_are_named() {
        let metadata = json!({"name": "a", "finalizers": [], "labels": {}, "foo": 1});
        let mut object = json!({"metadata": metadata});
        assert_eq!(tidy(&mut object), ["metadata.foo"]);
        assert_eq!(object, json!({"metadata": {"name": "a"}}));
    }
}
