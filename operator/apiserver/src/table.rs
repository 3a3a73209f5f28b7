//! Tables: what `kubectl get` prints, computed here.

mod age;
mod json_path;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    failure::Failure,
    meta,
    types::{Column, Resource},
};

/// How much of the object a row carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Include {
    /// Nothing.
    None,
    /// Its metadata.
    #[default]
    Metadata,
    /// All of it.
    Object,
}

impl Include {
    /// Reads the query parameter.
    pub fn parse(text: Option<&str>) -> Result<Self, Failure> {
        match text {
            None | Some("Metadata") => Ok(Self::Metadata),
            Some("None") => Ok(Self::None),
            Some("Object") => Ok(Self::Object),
            Some(other) => Err(Failure::bad_request(format!(
                "unrecognized includeObject value {other:?}: write None, Metadata or Object"
            ))),
        }
    }
}

/// A table of these objects. In a watch only the first one says what the columns are.
pub fn table(
    resource: &Resource,
    metadata: &Value,
    objects: &[&Value],
    include: Include,
    columns: bool,
    now: Timestamp,
) -> Value {
    let rows: Vec<Value> = objects
        .iter()
        .map(|object| row(resource, object, include, now))
        .collect();
    let definitions = if columns {
        definitions(resource)
    } else {
        Value::Null
    };
    json!({
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": definitions,
        "rows": rows,
    })
}

fn definitions(resource: &Resource) -> Value {
    let name = json!({
        "name": "Name",
        "type": "string",
        "format": "name",
        "description": "Unique within a namespace.",
        "priority": 0,
    });
    let others = resource.columns.iter().map(|column| {
        json!({
            "name": column.name,
            "type": column.kind,
            "format": column.format,
            "description": column.description,
            "priority": column.priority,
        })
    });
    Value::Array(std::iter::once(name).chain(others).collect())
}

fn row(resource: &Resource, object: &Value, include: Include, now: Timestamp) -> Value {
    let name = object["metadata"]["name"].clone();
    let cells: Vec<Value> = std::iter::once(name)
        .chain(
            resource
                .columns
                .iter()
                .map(|column| cell(column, object, now)),
        )
        .collect();
    let mut row = json!({"cells": cells});
    match include {
        Include::None => {}
        Include::Metadata => row["object"] = meta::partial(object),
        Include::Object => row["object"] = object.clone(),
    }
    row
}

/// One cell; null when there is nothing or it isn't what the column says.
fn cell(column: &Column, object: &Value, now: Timestamp) -> Value {
    let found = json_path::find(&column.json_path, object);
    match (column.kind.as_str(), found) {
        (_, None | Some(Value::Null)) => Value::Null,
        ("date", Some(Value::String(text))) => match text.parse::<Timestamp>() {
            Ok(then) => age::between(then, now).into(),
            Err(_) => "<invalid>".into(),
        },
        ("integer", Some(value)) if value.is_i64() || value.is_u64() => value,
        ("number", Some(value)) if value.is_number() => value,
        ("boolean", Some(value)) if value.is_boolean() => value,
        ("string", Some(Value::String(text))) => text.into(),
        ("string", Some(value)) => value.to_string().into(),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Registry;

    #[test]
    fn a_row_of_an_agent() {
        let agents = include_str!("../../../manifests/crds/agents.agentchat.dev.yaml");
        let registry = Registry::new(&[agents.to_owned()]).unwrap();
        let resource = registry.find("agentchat.dev", "v1alpha1", "agents");
        let object = json!({
            "metadata": {"name": "a", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "status": {
                "phase": "Running",
                "conditions": [
                    {"type": "Other", "status": "False"},
                    {"type": "Ready", "status": "True"},
                ],
                "usage": {"turns": 3, "costUSD": 0.25},
            },
        });
        let now = "2026-01-01T00:02:05Z".parse().unwrap();
        let metadata = json!({});
        let shown = table(
            resource.unwrap(),
            &metadata,
            &[&object],
            Include::Metadata,
            true,
            now,
        );
        assert_eq!(
            shown["rows"][0]["cells"],
            json!(["a", "Running", "True", null, null, null, 3, "0.25", "2m5s"])
        );
        assert_eq!(shown["columnDefinitions"][0]["format"], "name");
        assert_eq!(shown["columnDefinitions"][6]["priority"], 1);
        assert_eq!(shown["rows"][0]["object"]["kind"], "PartialObjectMetadata");
    }
}
