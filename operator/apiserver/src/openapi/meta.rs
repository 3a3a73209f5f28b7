//! The schema of `metadata`, which every object has.

use serde_json::{Value, json};

/// `io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta`.
pub(super) fn schema() -> Value {
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
        "required": ["apiVersion", "kind", "name", "uid"],
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
