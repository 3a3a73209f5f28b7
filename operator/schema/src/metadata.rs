//! `metadata`, which every object has: its schema, and the rules of names that schemas don't express.

use std::{collections::BTreeMap, sync::LazyLock};

use serde_json::{Value, json};

use crate::{NameRule, Problem, Rule, Schema, prune};

/// Total size of annotations, keys and values (upstream's TotalAnnotationSizeLimitB).
const ANNOTATIONS: usize = 262_144;

/// What a reference to an owner needs.
const OWNER: [&str; 4] = ["apiVersion", "kind", "name", "uid"];

/// Drops fields of an object's metadata that there are not; returns a problem for each.
pub fn prune(object: &mut Value) -> Vec<Problem> {
    let mut unknown = Vec::new();
    if let Some(metadata) = object.get_mut("metadata") {
        let schema = &STRUCTURE.root["properties"]["metadata"];
        prune::visit(schema, metadata, "metadata", false, &mut unknown);
    }
    unknown
}

/// A null in the metadata counts as absent.
pub fn default(object: &mut Value) {
    STRUCTURE.default(object);
}

/// Everything that is wrong with the metadata of an object whose own name is held to a rule. That it has
/// a name is not asked here.
pub fn validate(object: &Value, name: NameRule) -> Vec<Problem> {
    let mut problems = STRUCTURE.validate(object);
    let metadata = &object["metadata"];
    let mut check = |at: &str, value: &Value, rule: NameRule| {
        if value.as_str().is_some_and(|text| !rule.fits(text)) {
            problems.push(Problem::new(at, value, Rule::Name(rule)));
        }
    };
    check("metadata.name", &metadata["name"], name);
    check(
        "metadata.namespace",
        &metadata["namespace"],
        NameRule::Label,
    );
    for (key, value) in texts(metadata, "labels") {
        let key = key.as_str().into();
        check("metadata.labels", &key, NameRule::Qualified);
        check("metadata.labels", value, NameRule::LabelValue);
    }
    for (key, _) in texts(metadata, "annotations") {
        let key = key.to_lowercase().into();
        check("metadata.annotations", &key, NameRule::Qualified);
    }
    for (index, finalizer) in list(metadata, "finalizers") {
        let at = format!("metadata.finalizers[{index}]");
        check(&at, finalizer, NameRule::Qualified);
    }
    for (index, owner) in list(metadata, "ownerReferences") {
        for field in OWNER {
            if owner[field] == "" {
                let at = format!("metadata.ownerReferences[{index}].{field}");
                let description = String::new();
                problems.push(Problem::new(
                    at,
                    &Value::Null,
                    Rule::Required { description },
                ));
            }
        }
    }
    let length = |value: &Value| value.as_str().map_or(0, str::len);
    let sizes = texts(metadata, "annotations").map(|(key, value)| key.len() + length(value));
    if sizes.sum::<usize>() > ANNOTATIONS {
        let rule = Rule::MaxBytes(ANNOTATIONS);
        problems.push(Problem::new("metadata.annotations", &Value::Null, rule));
    }
    problems
}

fn texts<'a>(metadata: &'a Value, field: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    metadata[field].as_object().into_iter().flatten()
}

fn list<'a>(metadata: &'a Value, field: &str) -> impl Iterator<Item = (usize, &'a Value)> {
    metadata[field].as_array().into_iter().flatten().enumerate()
}

/// An object with metadata. That lists have no entry twice is for those who merge them;
/// it is taken when it is written.
static STRUCTURE: LazyLock<Schema> = LazyLock::new(|| {
    let mut metadata = schema();
    for list in ["finalizers", "ownerReferences"] {
        if let Some(list) = metadata["properties"][list].as_object_mut() {
            list.remove("x-kubernetes-list-type");
        }
    }
    Schema {
        root: json!({
            "type": "object",
            "properties": {"metadata": metadata},
        }),
        patterns: BTreeMap::new(),
    }
});

/// `io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta`.
pub fn schema() -> Value {
    let text = |description: &str| json!({"type": "string", "description": description});
    let texts = |description: &str| {
        json!({
            "type": "object",
            "description": description,
            "additionalProperties": {"type": "string", "default": ""},
        })
    };
    let owner = json!({
        "type": "object",
        "required": OWNER,
        "properties": {
            "apiVersion": text("API version of the owner."),
            "kind": text("Kind of the owner."),
            "name": text("Name of the owner."),
            "uid": text("UID of the owner."),
            "controller": {"type": "boolean", "description": "Whether the owner controls it."},
            "blockOwnerDeletion": {
                "type": "boolean",
                "description": "Whether the owner waits for it in foreground deletion.",
            },
        },
    });
    let time = |description: &str| json!({"type": "string", "format": "date-time", "description": description});
    json!({
        "type": "object",
        "description": "ObjectMeta is metadata that all persisted objects have.",
        "properties": {
            "name": text("Unique within a namespace; can't be changed."),
            "generateName": text("Prefix of a name that the server completes."),
            "namespace": text("The space within which the name is unique."),
            "uid": text("Unique in time and space; set by the server."),
            "resourceVersion": text("Opaque version of the object; set by the server."),
            "generation": {
                "type": "integer",
                "format": "int64",
                "description": "Counts changes of the desired state; set by the server.",
            },
            "creationTimestamp": time("When the object was made; set by the server."),
            "deletionTimestamp": time("When deletion was asked for; set by the server."),
            "deletionGracePeriodSeconds": {
                "type": "integer",
                "format": "int64",
                "description": "Seconds before it goes; set by the server.",
            },
            "labels": texts("To organise and select objects."),
            "annotations": texts("Anything that tools want to keep with the object."),
            "managedFields": {
                "type": "array",
                "description": "Who wrote which fields; kept by the server.",
                "items": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            },
            "selfLink": text("Not used any more."),
            "finalizers": {
                "type": "array",
                "description": "Must be empty before the object goes.",
                "items": {"type": "string", "default": ""},
                "x-kubernetes-list-type": "set",
                "x-kubernetes-patch-strategy": "merge",
            },
            "ownerReferences": {
                "type": "array",
                "description": "Objects that this one depends on.",
                "items": owner,
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["uid"],
                "x-kubernetes-patch-merge-key": "uid",
                "x-kubernetes-patch-strategy": "merge",
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(metadata: Value) -> Vec<String> {
        let problems = validate(&json!({"metadata": metadata}), NameRule::Subdomain);
        let mut fields: Vec<_> = problems.into_iter().map(|problem| problem.field).collect();
        fields.sort();
        fields
    }

    #[test]
    fn everything_wrong_with_metadata_is_found_at_once() {
        let metadata = json!({
            "name": "Bad_Name",
            "generateName": 3,
            "labels": {"ok": 1, "-": "x", "a": "b c"},
            "annotations": [],
            "finalizers": [3, "bad name"],
            "ownerReferences": [{"kind": "X", "uid": "", "name": 1}],
        });
        assert_eq!(
            fields(metadata),
            [
                "metadata.annotations",
                "metadata.finalizers[0]",
                "metadata.finalizers[1]",
                "metadata.generateName",
                "metadata.labels",
                "metadata.labels",
                "metadata.labels.ok",
                "metadata.name",
                "metadata.ownerReferences[0].apiVersion",
                "metadata.ownerReferences[0].name",
                "metadata.ownerReferences[0].uid",
            ]
        );
        let large = "x".repeat(ANNOTATIONS);
        let metadata = json!({"name": "a", "annotations": {"note": large}});
        assert_eq!(fields(metadata), ["metadata.annotations"]);
    }

    #[test]
    fn unknown_fields_of_metadata_are_dropped_and_what_is_written_twice_is_taken() {
        let owner = json!({"apiVersion": "v1", "kind": "X", "name": "x", "uid": "1", "odd": true});
        let mut object = json!({
            "metadata": {
                "name": "a", "foo": 1, "labels": {"a": null},
                "finalizers": ["b", "b"], "ownerReferences": [owner, owner],
            },
            "spec": {"any": null},
        });
        let unknown: Vec<_> = prune(&mut object)
            .into_iter()
            .map(|one| one.field)
            .collect();
        assert_eq!(
            unknown,
            [
                "metadata.foo",
                "metadata.ownerReferences[0].odd",
                "metadata.ownerReferences[1].odd"
            ]
        );
        default(&mut object);
        assert_eq!(object["metadata"]["labels"], json!({}));
        assert_eq!(object["spec"], json!({"any": null}));
        assert_eq!(validate(&object, NameRule::Subdomain), []);
    }
}
