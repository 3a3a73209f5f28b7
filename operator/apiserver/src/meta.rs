//! `metadata`: reading it, what the server owns in it, and what is valid.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::failure::Cause;

/// Fields of `metadata`; others are unknown.
const FIELDS: [&str; 15] = [
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "labels",
    "managedFields",
    "name",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

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

/// Total size of annotations, keys and values (upstream's TotalAnnotationSizeLimitB).
const ANNOTATIONS: usize = 262_144;

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
pub fn tidy(metadata: &mut Map<String, Value>) -> Vec<String> {
    let unknown = metadata
        .keys()
        .filter(|field| !FIELDS.contains(&field.as_str()))
        .map(|field| format!("metadata.{field}"))
        .collect();
    metadata.retain(|field, value| {
        FIELDS.contains(&field.as_str())
            && !matches!(field.as_str(), "managedFields" | "selfLink")
            && !(value.is_null()
                || value.as_object().is_some_and(Map::is_empty)
                || value.as_array().is_some_and(Vec::is_empty)
                || value == "")
    });
    unknown
}

/// What is wrong with the metadata.
pub fn validate(metadata: &Value, label_name: bool) -> Vec<Cause> {
    let mut causes = Vec::new();
    let name = &metadata["name"];
    match name.as_str() {
        None | Some("") => causes.push(Cause::new(
            "FieldValueRequired",
            "metadata.name",
            "Required value: name or generateName is required",
        )),
        Some(text) if label_name && !is_label(text) => {
            causes.push(Cause::invalid("metadata.name", name, LABEL_RULE));
        }
        Some(text) if !is_subdomain(text) => {
            causes.push(Cause::invalid("metadata.name", name, SUBDOMAIN_RULE));
        }
        _ => {}
    }
    strings(
        &metadata["labels"],
        "metadata.labels",
        &mut causes,
        |key, value, at, causes| {
            if !is_qualified(key) {
                causes.push(Cause::invalid(at, &key.into(), QUALIFIED_RULE));
            }
            if !is_label_value(value) {
                causes.push(Cause::invalid(at, &value.into(), LABEL_VALUE_RULE));
            }
        },
    );
    let mut size = 0;
    strings(
        &metadata["annotations"],
        "metadata.annotations",
        &mut causes,
        |key, value, at, causes| {
            size += key.len() + value.len();
            if !is_qualified(&key.to_lowercase()) {
                causes.push(Cause::invalid(at, &key.into(), QUALIFIED_RULE));
            }
        },
    );
    if size > ANNOTATIONS {
        causes.push(Cause::new(
            "FieldValueTooLong",
            "metadata.annotations",
            format!("Too long: may not be more than {ANNOTATIONS} bytes"),
        ));
    }
    lists(metadata, &mut causes);
    causes
}

fn strings(
    map: &Value,
    at: &str,
    causes: &mut Vec<Cause>,
    mut check: impl FnMut(&str, &str, &str, &mut Vec<Cause>),
) {
    match map {
        Value::Null => {}
        Value::Object(entries) => {
            for (key, value) in entries {
                match value.as_str() {
                    Some(value) => check(key, value, at, causes),
                    None => causes.push(of_type(&format!("{at}.{key}"), value, "string")),
                }
            }
        }
        other => causes.push(of_type(at, other, "object")),
    }
}

fn lists(metadata: &Value, causes: &mut Vec<Cause>) {
    for (field, kind) in [("finalizers", "string"), ("ownerReferences", "object")] {
        let at = format!("metadata.{field}");
        match &metadata[field] {
            Value::Null => {}
            Value::Array(values) => {
                for (index, value) in values.iter().enumerate() {
                    let at = format!("{at}[{index}]");
                    match (field, value) {
                        ("finalizers", Value::String(text)) if !is_qualified(text) => {
                            causes.push(Cause::invalid(at, value, QUALIFIED_RULE));
                        }
                        ("finalizers", Value::String(_)) => {}
                        ("ownerReferences", Value::Object(owner)) => {
                            let full =
                                |key| owner.get(key).is_some_and(|v| v != "" && !v.is_null());
                            for key in ["apiVersion", "kind", "name", "uid"] {
                                if !full(key) {
                                    causes.push(Cause::required(format!("{at}.{key}")));
                                }
                            }
                        }
                        _ => causes.push(of_type(&at, value, kind)),
                    }
                }
            }
            other => causes.push(of_type(&at, other, "array")),
        }
    }
}

fn of_type(at: &str, value: &Value, kind: &str) -> Cause {
    let rule = format!("must be of type {kind}");
    let mut cause = Cause::invalid(at, value, &rule);
    cause.reason = "FieldValueTypeInvalid";
    cause
}

const SUBDOMAIN_RULE: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL_RULE: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const QUALIFIED_RULE: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_VALUE_RULE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

/// RFC 1123 label.
pub fn is_label(text: &str) -> bool {
    text.len() <= 63 && lower_label(text)
}

fn lower_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.first().is_some_and(|byte| inner(*byte))
        && bytes.last().is_some_and(|byte| inner(*byte))
        && bytes.iter().all(|byte| inner(*byte) || *byte == b'-')
}

/// RFC 1123 subdomain.
pub fn is_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(lower_label)
}

fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    text.len() <= 63
        && bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

fn is_qualified(text: &str) -> bool {
    match text.split_once('/') {
        Some((prefix, name)) => is_subdomain(prefix) && is_name(name),
        None => is_name(text),
    }
}

fn is_label_value(text: &str) -> bool {
    text.is_empty() || is_name(text)
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
    fn names() {
        assert!(is_subdomain("a.b-c.1") && !is_subdomain("A") && !is_subdomain("a..b"));
        assert!(is_label("a-1") && !is_label("a.b") && !is_label("-a"));
        assert!(
            is_qualified("example.com/My_name") && !is_qualified("/x") && !is_qualified("a/b/c")
        );
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let metadata = json!({
            "name": "Bad_Name",
            "labels": {"ok": 1, "-": "x"},
            "annotations": [],
            "finalizers": [3, "bad name"],
            "ownerReferences": [{"kind": "X"}],
        });
        let mut fields: Vec<String> = validate(&metadata, false)
            .into_iter()
            .map(|cause| cause.field)
            .collect();
        // Of labels, the order is that of the object, if it has one.
        fields.sort();
        assert_eq!(
            fields,
            [
                "metadata.annotations",
                "metadata.finalizers[0]",
                "metadata.finalizers[1]",
                "metadata.labels",
                "metadata.labels.ok",
                "metadata.name",
                "metadata.ownerReferences[0].apiVersion",
                "metadata.ownerReferences[0].name",
                "metadata.ownerReferences[0].uid",
            ]
        );
    }

    #[test]
    fn empty_fields_go_and_unknown_ones_are_named() {
        let mut metadata = json!({"name": "a", "finalizers": [], "labels": {}, "foo": 1});
        let unknown = tidy(metadata.as_object_mut().unwrap());
        assert_eq!(unknown, ["metadata.foo"]);
        assert_eq!(metadata, json!({"name": "a"}));
    }
}
