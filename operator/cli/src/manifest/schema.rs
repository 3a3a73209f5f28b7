//! What the CustomResourceDefinitions say, checked before anything is started, in words for who writes manifests.
//!
//! The rules that the definitions of our own kinds use, and no others; the server checks again, with all.

use agentchat_api::{Agent, Node};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use regex::Regex;
use serde_json::{Map, Value, json};

use super::Kind;

/// The longest part of a value that is shown.
const SHOWN: usize = 60;

/// Everything in a manifest that breaks a rule, each with the field's path, its value, and what is allowed.
pub fn problems(kind: Kind, manifest: &Value) -> Vec<String> {
    let mut found = vec![];
    visit(&schema(kind), manifest, "", &mut found);
    found
}

/// The schema of a kind, as far as people write it: no status.
fn schema(kind: Kind) -> Value {
    let texts = json!({"type": "object", "additionalProperties": {"type": "string"}});
    let metadata = json!({
        "type": "object", "x-kubernetes-preserve-unknown-fields": true, "required": ["name"],
        "properties": {"name": {"type": "string"}, "namespace": {"type": "string", "nullable": true},
            "labels": texts, "annotations": texts},
    });
    let mut schema =
        json!({"type": "object", "required": ["metadata"], "properties": {"metadata": metadata}});
    let mut add = |field: &str, inner: Value| schema["properties"][field] = inner;
    add("apiVersion", json!({"type": "string"}));
    add("kind", json!({"type": "string"}));
    let immutable = json!({"type": "boolean", "nullable": true});
    match kind {
        Kind::Agent => add("spec", spec(Agent::crd())),
        Kind::Node => add("spec", spec(Node::crd())),
        Kind::Namespace => add(
            "spec",
            json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}),
        ),
        Kind::Secret => {
            add("type", json!({"type": "string"}));
            add("data", texts.clone());
            add("stringData", texts);
            add("immutable", immutable);
        }
        Kind::ConfigMap => {
            add("data", texts.clone());
            add("binaryData", texts);
            add("immutable", immutable);
        }
    }
    if matches!(kind, Kind::Agent | Kind::Node) {
        schema["required"] = json!(["metadata", "spec"]);
    }
    if !matches!(kind, Kind::Secret | Kind::ConfigMap) {
        // Shown by the API; no matter what it says.
        schema["properties"]["status"] =
            json!({"x-kubernetes-preserve-unknown-fields": true, "nullable": true});
    }
    schema
}

/// The part `spec` of a definition's schema.
fn spec(definition: CustomResourceDefinition) -> Value {
    let spec = "/spec/versions/0/schema/openAPIV3Schema/properties/spec";
    let definition = serde_json::to_value(definition).unwrap_or_default();
    definition.pointer(spec).cloned().unwrap_or_default()
}

fn visit(schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    // A null counts as absent, for which a default may stand in.
    if value.is_null() && (schema["nullable"] == true || schema.get("default").is_some()) {
        return;
    }
    if let Some(wanted) = other_type(schema, value) {
        let quote =
            wanted == "text" && !matches!(value, Value::Array(_) | Value::Object(_) | Value::Null);
        let quote = if quote { ": put it in quotes" } else { "" };
        found.push(format!(
            "{} is {}, but must be {wanted}{quote}",
            named(path),
            shown(value)
        ));
        return;
    }
    if let Some(rule) = broken(schema, value) {
        found.push(format!("{path} is {}, but must be {rule}", shown(value)));
    }
    match value {
        Value::Object(values) => object(schema, values, path, found),
        Value::Array(values) => {
            for (index, inner) in values.iter().enumerate() {
                visit(&schema["items"], inner, &format!("{path}[{index}]"), found);
            }
        }
        _ => {}
    }
}

fn object(schema: &Value, values: &Map<String, Value>, path: &str, found: &mut Vec<String>) {
    for field in schema["required"].as_array().into_iter().flatten() {
        let field = field.as_str().unwrap_or_default();
        if values.get(field).is_none_or(Value::is_null) {
            let about = schema["properties"][field]["description"].as_str();
            let about = about.map(|about| format!(": {about}")).unwrap_or_default();
            found.push(format!("{} is missing{about}", below(path, field)));
        }
    }
    let others = &schema["additionalProperties"];
    for (field, value) in values {
        let at = below(path, field);
        match schema["properties"].get(field) {
            Some(inner) if !value.is_null() || !required(schema, field) => {
                visit(inner, value, &at, found);
            }
            Some(_) => {}
            None if others.is_object() => visit(others, value, &at, found),
            None if schema["x-kubernetes-preserve-unknown-fields"] == true => {}
            None => found.push(format!(
                "there is no field {at}; {} has {}",
                named(path),
                fields(schema)
            )),
        }
    }
}

/// The path of a field below another.
fn below(path: &str, field: &str) -> String {
    let dot = if path.is_empty() { "" } else { "." };
    format!("{path}{dot}{field}")
}

/// A path as messages call it.
fn named(path: &str) -> &str {
    if path.is_empty() {
        "the manifest"
    } else {
        path
    }
}

fn required(schema: &Value, field: &str) -> bool {
    let all = schema["required"].as_array();
    all.is_some_and(|all| all.iter().any(|one| one == field))
}

/// Names of the fields that a schema has.
fn fields(schema: &Value) -> String {
    let all = schema["properties"].as_object();
    let names: Vec<_> = all
        .into_iter()
        .flatten()
        .map(|(name, _)| name.as_str())
        .collect();
    names.join(", ")
}

/// Words for the type that a schema wants, when the value is of another.
fn other_type(schema: &Value, value: &Value) -> Option<&'static str> {
    if schema["x-kubernetes-int-or-string"] == true {
        let good = value.is_string() || value.is_i64() || value.is_u64();
        return (!good).then_some("a whole number or text");
    }
    let whole = || value.as_f64().is_some_and(|number| number.fract() == 0.0);
    let (good, wanted) = match schema["type"].as_str()? {
        "string" => (value.is_string(), "text"),
        "integer" => (whole(), "a whole number"),
        "number" => (value.is_number(), "a number"),
        "boolean" => (value.is_boolean(), "true or false"),
        "array" => (value.is_array(), "a list"),
        _ => (value.is_object(), "a group of fields"),
    };
    (!good).then_some(wanted)
}

/// Words for the first rule that the value itself breaks.
fn broken(schema: &Value, value: &Value) -> Option<String> {
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        let names: Vec<_> = allowed.iter().filter_map(Value::as_str).collect();
        return Some(format!("one of {}", names.join(", ")));
    }
    let outside = |limit: &Value, low: bool| {
        let (limit, number) = (limit.as_f64()?, value.as_f64()?);
        let out = if low { number < limit } else { number > limit };
        out.then(|| format!("at {} {limit}", if low { "least" } else { "most" }))
    };
    let number = outside(&schema["minimum"], true).or_else(|| outside(&schema["maximum"], false));
    let size = match value {
        Value::String(text) => Some((text.chars().count() as u64, "characters", "Length")),
        Value::Array(values) => Some((values.len() as u64, "entries", "Items")),
        _ => None,
    };
    let size = size.and_then(|(size, of, rule)| {
        let limit = |side: &str| schema[format!("{side}{rule}")].as_u64();
        match (limit("min"), limit("max")) {
            (Some(least), _) if size < least => Some(format!("of at least {least} {of}")),
            (_, Some(most)) if size > most => {
                Some(format!("of at most {most} {of}, and has {size}"))
            }
            _ => None,
        }
    });
    number.or(size).or_else(|| form(schema, value.as_str()?))
}

/// The pattern that a text does not match.
fn form(schema: &Value, text: &str) -> Option<String> {
    let pattern = schema["pattern"].as_str()?;
    let matches = Regex::new(pattern).ok()?.is_match(text);
    (!matches).then(|| format!("of the form {pattern}"))
}

/// A value in a few characters, as it stands in the manifest.
fn shown(value: &Value) -> String {
    match value {
        Value::Object(_) => "a group of fields".into(),
        Value::Array(_) => "a list".into(),
        Value::Null => "empty".into(),
        Value::String(text) if text.chars().count() > SHOWN => {
            let head: String = text.chars().take(SHOWN).collect();
            format!("\"{}…\"", crate::output::plain(&head))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(kind: Kind, spec: Value) -> Vec<String> {
        problems(kind, &json!({"metadata": {"name": "x"}, "spec": spec}))
    }

    #[test]
    fn what_breaks_a_rule_is_named_with_its_value_and_what_is_allowed() {
        let agent = |spec| of(Kind::Agent, spec).join("\n");
        for (spec, says) in [
            (json!({}), "spec.mission is missing"),
            (json!({"mission": null}), "spec.mission is missing"),
            (json!({"mission": 3}), "spec.mission is 3, but must be text"),
            (
                json!({"mission": "x", "limits": {"turns": "many"}}),
                "spec.limits.turns is \"many\", but must be a whole number",
            ),
            (
                json!({"mission": "x", "limits": {"turns": -1}}),
                "spec.limits.turns is -1, but must be at least",
            ),
            (
                json!({"mission": "x", "limits": {"turn": 1}}),
                "there is no field spec.limits.turn; spec.limits has costUSD",
            ),
            (
                json!({"mission": "x", "chat": {"channels": ["general"]}}),
                "spec.chat.channels[0] is \"general\", but must be of the form ^#",
            ),
            (
                json!({"mission": "x", "chat": {"identity": "Own"}}),
                "spec.chat.identity is \"Own\", but must be one of Persistent, Ephemeral",
            ),
            (
                json!({"mission": "x", "chat": []}),
                "spec.chat is a list, but must be a group of fields",
            ),
        ] {
            let said = agent(spec.clone());
            assert!(said.contains(says), "{spec}: {said}");
        }
        assert_eq!(
            agent(json!({"mission": "x", "runtime": null, "limits": null})),
            ""
        );
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let said = of(Kind::Node, json!({"role": "Serve", "machin": {}}));
        assert_eq!(said.len(), 2, "{said:?}");
        let bad =
            json!({"metadata": {"name": 3, "labels": {"a": true}}, "data": {"a": 1}, "dat": 1});
        let said = problems(Kind::ConfigMap, &bad);
        assert_eq!(said.len(), 4, "{said:?}");
        assert!(
            said.contains(&"data.a is 1, but must be text: put it in quotes".to_owned()),
            "{said:?}"
        );
    }
}
