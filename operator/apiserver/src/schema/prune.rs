//! Pruning: what the schema doesn't have isn't stored.

use serde_json::Value;

use super::{below, flag, of_field};

/// Drops unknown fields; returns their paths.
pub(super) fn prune(schema: &Value, object: &mut Value) -> Vec<String> {
    let mut unknown = Vec::new();
    visit(schema, object, "", true, &mut unknown);
    unknown
}

fn visit(schema: &Value, value: &mut Value, path: &str, resource: bool, unknown: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            let open = flag(schema, "x-kubernetes-preserve-unknown-fields")
                || flag(schema, "additionalProperties");
            fields.retain(|field, inner| {
                let at = below(path, field);
                if let Some(known) = of_field(schema, field) {
                    let embedded = flag(known, "x-kubernetes-embedded-resource");
                    visit(known, inner, &at, embedded, unknown);
                    return true;
                }
                let always =
                    resource && matches!(field.as_str(), "apiVersion" | "kind" | "metadata");
                if !open && !always {
                    unknown.push(at);
                }
                open || always
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
