//! The built-in types: Namespace, Secret, ConfigMap, and a list of Events that is always empty.

use agentchat_schema::{Error, NameRule, Schema, builtin};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::{Column, Origin, Resource};

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
        review: None,
        origin: Origin::BuiltIn,
        schema: Schema::new(schema)?,
        columns: vec![age()],
        selectable: Vec::new(),
        name_rule: NameRule::Subdomain,
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
    let mut resource = core("Namespace", "namespaces", &["ns"], builtin::namespace())?;
    resource.namespaced = false;
    resource.status = true;
    resource.finalize = true;
    resource.columns = vec![column("Status", "string", ".status.phase"), age()];
    resource.selectable = vec!["status.phase".into()];
    resource.name_rule = NameRule::Label;
    resource.prepare = Some(prepare_namespace);
    Ok(resource)
}

fn secrets() -> Result<Resource, Error> {
    let mut resource = core("Secret", "secrets", &[], builtin::secret())?;
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
    let mut resource = core("ConfigMap", "configmaps", &["cm"], builtin::config_map())?;
    resource.columns = vec![column("Data", "string", "count(.data,.binaryData)"), age()];
    Ok(resource)
}

fn events() -> Result<Resource, Error> {
    let schema = json!({
        "type": "object",
        "description": "Event is a report of something that happened; it is kept for an hour.",
        "x-kubernetes-preserve-unknown-fields": true,
    });
    let mut resource = core("Event", "events", &["ev"], schema)?;
    resource.columns = vec![
        column("Last Seen", "date", ".lastTimestamp"),
        column("Type", "string", ".type"),
        column("Reason", "string", ".reason"),
        column("Object", "string", ".involvedObject.name"),
        column("Message", "string", ".message"),
    ];
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
