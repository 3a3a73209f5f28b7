//! The built-in types: Namespace, Secret, ConfigMap, and a list of Events that is always empty.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::{Column, Origin, Resource};
use crate::schema::{Error, Schema};

/// All built-in types.
pub(super) fn all() -> Result<Vec<Resource>, Error> {
    Ok(vec![namespaces()?, secrets()?, config_maps()?, events()?])
}

pub(super) fn core(
    kind: &str,
    plural: &str,
    short: &[&str],
    schema: Value,
) -> Result<Resource, Error> {
    Ok(Resource {
        group: String::new(),
        version: "v1".into(),
        plural: plural.into(),
        singular: kind.to_lowercase(),
        kind: kind.into(),
        list_kind: format!("{kind}List"),
        short_names: short.iter().map(ToString::to_string).collect(),
        categories: Vec::new(),
        namespaced: true,
        status: false,
        finalize: false,
        writable: true,
        review: None,
        origin: Origin::BuiltIn,
        schema: Schema::new(schema)?,
        columns: vec![age()],
        selectable: Vec::new(),
        name_is_label: false,
        prepare: None,
    })
}

fn column(name: &str, kind: &str, json_path: &str) -> Column {
    Column {
        name: name.into(),
        kind: kind.into(),
        format: String::new(),
        description: String::new(),
        priority: 0,
        json_path: json_path.into(),
    }
}

/// Time since creation.
pub(super) fn age() -> Column {
    column("Age", "date", ".metadata.creationTimestamp")
}

fn namespaces() -> Result<Resource, Error> {
    let schema = json!({
        "type": "object",
        "description": "Namespace provides a scope for names.",
        "properties": {
            "spec": {"type": "object", "description": "What keeps the namespace.", "properties": {
                "finalizers": {"type": "array", "items": {"type": "string"}},
            }},
            "status": {"type": "object", "description": "Where the namespace stands.", "properties": {
                "phase": {"type": "string", "enum": ["Active", "Terminating"]},
                "conditions": {
                    "type": "array",
                    "items": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                },
            }},
        },
    });
    let mut resource = core("Namespace", "namespaces", &["ns"], schema)?;
    resource.namespaced = false;
    resource.status = true;
    resource.finalize = true;
    resource.columns = vec![column("Status", "string", ".status.phase"), age()];
    resource.selectable = vec!["status.phase".into()];
    resource.name_is_label = true;
    resource.prepare = Some(prepare_namespace);
    Ok(resource)
}

fn secrets() -> Result<Resource, Error> {
    let schema = json!({
        "type": "object",
        "description": "Secret holds secret data of a certain type.",
        "properties": {
            "type": {"type": "string", "default": "Opaque", "description": "What the data is for."},
            "immutable": {"type": "boolean", "description": "If true, the data can't be changed."},
            "data": {
                "type": "object",
                "description": "The secret data, base64-encoded.",
                "additionalProperties": {"type": "string", "format": "byte"},
            },
            "stringData": {
                "type": "object",
                "description": "Write-only: secret data as text; merged into data.",
                "additionalProperties": {"type": "string"},
            },
        },
    });
    let mut resource = core("Secret", "secrets", &[], schema)?;
    resource.columns = vec![
        column("Type", "string", ".type"),
        column("Data", "string", "count(.data)"),
        age(),
    ];
    resource.selectable = vec!["type".into()];
    resource.prepare = Some(prepare_secret);
    Ok(resource)
}

fn config_maps() -> Result<Resource, Error> {
    let schema = json!({
        "type": "object",
        "description": "ConfigMap holds configuration for others to read.",
        "properties": {
            "immutable": {"type": "boolean", "description": "If true, the data can't be changed."},
            "data": {
                "type": "object",
                "description": "The configuration.",
                "additionalProperties": {"type": "string"},
            },
            "binaryData": {
                "type": "object",
                "description": "Configuration that is no text, base64-encoded.",
                "additionalProperties": {"type": "string", "format": "byte"},
            },
        },
    });
    let mut resource = core("ConfigMap", "configmaps", &["cm"], schema)?;
    resource.columns = vec![column("Data", "string", "count(.data,.binaryData)"), age()];
    Ok(resource)
}

fn events() -> Result<Resource, Error> {
    let schema = json!({
        "type": "object",
        "description": "Event is a report of something that happened. None are kept yet.",
        "x-kubernetes-preserve-unknown-fields": true,
    });
    let mut resource = core("Event", "events", &["ev"], schema)?;
    resource.writable = false;
    resource.selectable = [
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "source",
        "type",
    ]
    .map(String::from)
    .to_vec();
    Ok(resource)
}

/// Namespaces carry their name as a label, and stay until they were emptied.
fn prepare_namespace(object: &mut Value) {
    let name = object["metadata"]["name"].clone();
    object["metadata"]["labels"]["kubernetes.io/metadata.name"] = name;
    if object["status"]["phase"].is_null() {
        object["spec"]["finalizers"] = json!(["kubernetes"]);
        object["status"]["phase"] = "Active".into();
    }
}

/// `stringData` is a way to write `data`.
fn prepare_secret(object: &mut Value) {
    let Some(fields) = object.as_object_mut() else {
        return;
    };
    if let Some(Value::Object(texts)) = fields.remove("stringData") {
        let data = fields.entry("data").or_insert_with(|| json!({}));
        for (key, text) in texts {
            let text = text.as_str().unwrap_or_default();
            data[key] = BASE64_STANDARD.encode(text).into();
        }
    }
}
