//! Pruning: what the schema doesn't have isn't stored.

use serde_json::Value;

use crate::{Problem, Rule, below, flag, of_field};

/// Drops unknown fields; returns a problem for each.
pub(crate) fn prune(schema: &Value, object: &mut Value) -> Vec<Problem> {
    let mut unknown = Vec::new();
    visit(schema, object, "", true, &mut unknown);
    unknown
}

/// Drops unknown fields at a path and below; of a resource its metadata is left alone.
pub(crate) fn visit(
    schema: &Value,
    value: &mut Value,
    path: &str,
    resource: bool,
    unknown: &mut Vec<Problem>,
) {
    match value {
        Value::Object(fields) => {
            let open = flag(schema, "x-kubernetes-preserve-unknown-fields")
                || flag(schema, "additionalProperties");
            fields.retain(|field, inner| {
                // Of a resource these are always there; its schema only narrows them.
                if resource && matches!(field.as_str(), "apiVersion" | "kind" | "metadata") {
                    return true;
                }
                let at = below(path, field);
                if let Some(known) = of_field(schema, field) {
                    let embedded = flag(known, "x-kubernetes-embedded-resource");
                    visit(known, inner, &at, embedded, unknown);
                    return true;
                }
                if !open {
                    let (parent, known) = (path.to_owned(), names(schema));
                    unknown.push(Problem::new(at, inner, Rule::Unknown { parent, known }));
                }
                open
            });
        }
        Value::Array(values) => {
            for (index, inner) in values.iter_mut().enumerate() {
                let items = &schema["items"];
                let embedded = flag(items, "x-kubernetes-embedded-resource");
                visit(items, inner, &format!("{path}[{index}]"), embedded, unknown);
            }
        }
        _ => {}
    }
}

/// Names of the fields that a schema declares.
fn names(schema: &Value) -> Vec<String> {
    let declared = schema["properties"].as_object();
    declared
        .into_iter()
        .flat_map(|fields| fields.keys().cloned())
        .collect()
}
