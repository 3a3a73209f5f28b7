use serde_json::json;

use super::*;

fn agents() -> Schema {
    let text = include_str!("../../../manifests/crds/agents.agentchat.dev.yaml");
    let crd: Value = serde_yaml::from_str(text).unwrap();
    let schema = crd.pointer("/spec/versions/0/schema/openAPIV3Schema");
    Schema::new(schema.unwrap().clone()).unwrap()
}

fn said(schema: &Schema, object: &Value) -> Vec<String> {
    let problems = schema.validate(object);
    problems.iter().map(Problem::to_string).collect()
}

#[test]
fn unknown_fields_are_dropped_and_named() {
    let mut object = json!({
        "kind": "Agent",
        "metadata": {"name": "a"},
        "spec": {"mission": "m", "bogus": 1, "personality": [{"inline": "x", "typo": true}]},
        "extra": {},
    });
    let problems = agents().prune(&mut object);
    let mut unknown: Vec<_> = problems.into_iter().map(|one| one.field).collect();
    unknown.sort();
    assert_eq!(unknown, ["extra", "spec.bogus", "spec.personality[0].typo"]);
    assert_eq!(
        object["spec"],
        json!({"mission": "m", "personality": [{"inline": "x"}]})
    );
}

#[test]
fn metadata_that_a_schema_mentions_without_fields_is_kept() {
    let schema = json!({"type": "object", "properties": {"metadata": {"type": "object"}}});
    let mut object = json!({"metadata": {"name": "a", "labels": {"b": "c"}}});
    let before = object.clone();
    assert_eq!(Schema::new(schema).unwrap().prune(&mut object), []);
    assert_eq!(object, before);
}

#[test]
fn defaults_reach_into_defaulted_objects_and_replace_forbidden_nulls() {
    let mut object = json!({"spec": {"mission": "m", "chat": {"identity": null}, "image": null}});
    let schema = agents();
    schema.default(&mut object);
    let spec = &object["spec"];
    assert_eq!(spec["chat"]["identity"], "Persistent");
    assert_eq!(spec["chat"]["channels"], json!(["#general"]));
    assert_eq!(spec["runtime"]["kind"], "ClaudeCode");
    assert!(spec.get("image").is_some(), "a nullable null stays");
    assert_eq!(said(&schema, &object), [""; 0]);
}

#[test]
fn everything_wrong_is_told_as_kubernetes_says_it() {
    let object = json!({"spec": {
        "mission": "",
        "chat": {"channels": ["general"], "identity": "Sometimes"},
        "limits": {"turns": "many"},
        "terminationGracePeriodSeconds": -1,
    }});
    let told = said(&agents(), &object);
    for expected in [
        "spec.mission: Invalid value: \"\": spec.mission in body should be at least 1 chars long",
        "spec.chat.channels[0]: Invalid value: \"general\": spec.chat.channels[0] in body should match '^#[a-zA-Z0-9_-]{1,31}$'",
        "spec.chat.identity: Unsupported value: \"Sometimes\": supported values: \"Persistent\", \"Ephemeral\"",
        "spec.limits.turns: Invalid value: \"string\": spec.limits.turns in body must be of type integer: \"string\"",
    ] {
        assert!(
            told.iter().any(|line| line == expected),
            "{expected} in {told:#?}"
        );
    }
    let missing = said(&agents(), &json!({"spec": {}}));
    assert_eq!(missing, ["spec.mission: Required value"]);
}

#[test]
fn lists_sets_maps_and_combinations() {
    let schema = Schema::new(json!({"type": "object", "properties": {
        "set": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
        "map": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "maxItems": 2,
            "items": {"type": "object", "properties": {"name": {"type": "string"}}},
        },
        "port": {"x-kubernetes-int-or-string": true},
        "one": {"type": "integer", "oneOf": [{"minimum": 5}, {"maximum": 10}]},
        "small": {"type": "integer", "format": "int32", "maximum": 3, "exclusiveMaximum": true},
    }}))
    .unwrap();
    let object = json!({
        "set": ["a", "a"],
        "map": [{"name": "x"}, {"name": "y"}, {"name": "x"}],
        "port": 1.5,
        "one": 7,
        "small": 3,
    });
    // Of fields, the order is that of the object, if it has one.
    let mut said_of_all = said(&schema, &object);
    said_of_all.sort();
    assert_eq!(
        said_of_all,
        [
            "map: Too many: 3: must have at most 2 items",
            "map[2]: Duplicate value: {\"name\":\"x\"}",
            "one: Invalid value: 7: \"one\" must validate one and only one schema (oneOf)",
            "port: Invalid value: \"number\": port in body must be of type integer or string: \"number\"",
            "set[1]: Duplicate value: \"a\"",
            "small: Invalid value: 3: small in body should be less than 3",
        ]
    );
    assert!(said(&schema, &json!({"port": "http", "one": 3})).is_empty());
}

#[test]
fn a_pattern_must_be_one() {
    let wrong = Schema::new(json!({"properties": {"a": {"pattern": "("}}}));
    assert!(wrong.unwrap_err().to_string().contains("\"(\""));
}
