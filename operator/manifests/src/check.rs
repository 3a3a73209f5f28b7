//! What a manifest says, checked before anything is started: by the schemas that the API server stores by.

use agentchat_api::{Agent, Node, definition};
use agentchat_schema::{NameRule, Problem, Schema, builtin, metadata};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Value, json};

use crate::kind::Kind;

/// Everything that is wrong. Fails when the schema itself can't be used.
pub(crate) fn problems(kind: Kind, manifest: &Value) -> Result<Vec<Problem>, String> {
    let schema = Schema::new(schema(kind)?).map_err(|error| error.to_string())?;
    let name_rule = match kind {
        Kind::Namespace => NameRule::Label,
        Kind::Secret | Kind::ConfigMap | Kind::Node | Kind::Agent => NameRule::Subdomain,
    };
    let mut object = manifest.clone();
    let mut problems = metadata::prune(&mut object);
    problems.extend(schema.prune(&mut object));
    metadata::default(&mut object);
    schema.default(&mut object);
    problems.extend(metadata::validate(&object, name_rule));
    problems.extend(schema.validate(&object));
    Ok(problems)
}

/// The schema of a kind, as far as people write it.
fn schema(kind: Kind) -> Result<Value, String> {
    let mut schema = match kind {
        Kind::Namespace => builtin::namespace(),
        Kind::Secret => builtin::secret(),
        Kind::ConfigMap => builtin::config_map(),
        Kind::Node => defined(definition::<Node>().map_err(|e| e.to_string())?)?,
        Kind::Agent => defined(definition::<Agent>().map_err(|e| e.to_string())?)?,
    };
    let properties = &mut schema["properties"];
    let name = json!({"description": "Unique within a namespace; can't be changed."});
    properties["metadata"] = json!({"required": ["name"], "properties": {"name": name}});
    if let Some(status) = properties.get_mut("status") {
        // Shown by the API; no matter what it says.
        *status = json!({"x-kubernetes-preserve-unknown-fields": true, "nullable": true});
    }
    match schema["required"].as_array_mut() {
        Some(required) => required.insert(0, "metadata".into()),
        None => schema["required"] = json!(["metadata"]),
    }
    Ok(schema)
}

/// The schema in a definition.
fn defined(definition: CustomResourceDefinition) -> Result<Value, String> {
    let mut definition = serde_json::to_value(definition).map_err(|error| error.to_string())?;
    let schema = definition.pointer_mut("/spec/versions/0/schema/openAPIV3Schema");
    Ok(schema.map(Value::take).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sentence::sentence;

    fn said(kind: Kind, manifest: &Value) -> String {
        let problems = problems(kind, manifest).unwrap();
        let secret = kind == Kind::Secret;
        let all: Vec<_> = problems.iter().map(|p| sentence(p, secret)).collect();
        all.join("\n")
    }

    fn of(kind: Kind, spec: &Value) -> String {
        said(kind, &json!({"metadata": {"name": "x"}, "spec": spec}))
    }

    #[test]
    fn broken_rule_is_named_with_its_value_and_what_is_allowed() {
        for (spec, says) in [
            (json!({}), "spec.mission is missing: What the agent"),
            (json!({"mission": null}), "spec.mission is missing"),
            (json!({"mission": 3}), "spec.mission is 3, but must be text"),
            (
                json!({"mission": "x", "limits": {"turns": "many"}}),
                "spec.limits.turns is \"many\", but must be a whole number",
            ),
            (
                json!({"mission": "x", "limits": {"turns": -1}}),
                "spec.limits.turns is -1, but must be at least 1",
            ),
            (
                json!({"mission": "x", "limits": {"turns": 1e30}}),
                "spec.limits.turns is 1e+30, but must be a whole number from ",
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
            let said = of(Kind::Agent, &spec);
            assert!(said.contains(says), "{spec}: {said}");
        }
        let good = json!({"mission": "x", "runtime": null, "limits": null, "personality": null});
        assert_eq!(of(Kind::Agent, &good), "");
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let bad = of(Kind::Node, &json!({"role": "Serve", "machin": {}}));
        assert_eq!(bad.lines().count(), 2, "{bad}");
        let bad =
            json!({"metadata": {"name": 3, "labels": {"a": true}}, "data": {"a": 1}, "dat": 1});
        let said = said(Kind::ConfigMap, &bad);
        assert_eq!(said.lines().count(), 4, "{said}");
        let quoted = "data.a is 1, but must be text: put it in quotes";
        assert!(said.contains(quoted), "{said}");
    }

    #[test]
    fn metadata_is_held_to_its_types_and_names() {
        for (metadata, says) in [
            (json!(null), "metadata is missing"),
            (json!({}), "metadata.name is missing"),
            (
                json!({"name": "Ada_1"}),
                "metadata.name is \"Ada_1\", but must have at most 253",
            ),
            (
                json!({"name": "a", "namespace": "b.c"}),
                "metadata.namespace is \"b.c\", but must",
            ),
            (
                json!({"name": "a", "nmespace": "b"}),
                "no field metadata.nmespace; metadata has ",
            ),
            (
                json!({"name": "a", "labels": {"b": "c d"}}),
                "metadata.labels is \"c d\", but must",
            ),
            (
                json!({"name": "a", "annotations": {"b": 1}}),
                "metadata.annotations.b is 1, but must be text: put it in quotes",
            ),
            (
                json!({"name": "a", "ownerReferences": [{}]}),
                "ownerReferences[0].uid is missing",
            ),
        ] {
            let said = said(Kind::Secret, &json!({"metadata": metadata}));
            assert!(said.contains(says), "{metadata}: {said}");
        }
        let exported = json!({"metadata": {
            "name": "a", "creationTimestamp": null, "generation": 1, "resourceVersion": "7",
            "managedFields": [{"manager": "x"}], "uid": "u",
        }});
        assert_eq!(said(Kind::Secret, &exported), "");
    }

    #[test]
    fn value_of_a_secret_is_not_shown() {
        let secret = json!({
            "metadata": {"name": "a"}, "data": {"b": "sk-1", "c": 7_654_321}, "stringData": {"d": 7_654_321},
        });
        let said = said(Kind::Secret, &secret);
        assert!(said.contains("data.b must be base64"), "{said}");
        assert!(
            said.contains("stringData.d must be text: put it in quotes"),
            "{said}"
        );
        assert!(
            !said.contains("sk-1") && !said.contains("7654321"),
            "{said}"
        );
    }
}
