//! Answers in the representation that was asked for.

use std::sync::Arc;

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    accept::Representation,
    failure::Failure,
    meta,
    table::{self, Include},
    types::Resource,
};

/// Renders objects of one type in one representation.
#[derive(Clone, Debug)]
pub struct Renderer {
    /// The type.
    pub resource: Arc<Resource>,
    /// How it is to look.
    pub representation: Representation,
    /// How much of the object a table row carries.
    pub include: Include,
}

impl Renderer {
    /// One object.
    pub fn object(&self, code: StatusCode, object: &Value) -> Result<Response, Failure> {
        self.respond(code, &self.value(object, true))
    }

    /// One object as it appears in answers and in watch events. `first`: a table of it says what
    /// its columns are.
    pub fn value(&self, object: &Value, first: bool) -> Value {
        match self.representation {
            Representation::Metadata => meta::partial(object),
            Representation::Table => {
                let revision = &object["metadata"]["resourceVersion"];
                let metadata = json!({"resourceVersion": revision});
                self.table(&metadata, &[object], first)
            }
            Representation::Json | Representation::Yaml => object.clone(),
        }
    }

    /// A bookmark's object, which is nothing but a revision.
    pub fn bookmark(&self, object: &Value) -> Value {
        match self.representation {
            Representation::Metadata => meta::partial(object),
            Representation::Table => self.table(&object["metadata"], &[object], false),
            Representation::Json | Representation::Yaml => object.clone(),
        }
    }

    fn table(&self, metadata: &Value, objects: &[&Value], columns: bool) -> Value {
        let now = Timestamp::now();
        table::table(
            &self.resource,
            metadata,
            objects,
            self.include,
            columns,
            now,
        )
    }

    /// A list; `metadata` is the list's own.
    pub fn list(&self, metadata: &Value, items: &[Arc<Value>]) -> Result<Response, Failure> {
        let list = match self.representation {
            Representation::Metadata => json!({
                "kind": "PartialObjectMetadataList",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": metadata,
                "items": items.iter().map(|item| meta::partial(item)).collect::<Vec<_>>(),
            }),
            Representation::Table => {
                let items: Vec<&Value> = items.iter().map(|item| &**item).collect();
                self.table(metadata, &items, true)
            }
            Representation::Json | Representation::Yaml => json!({
                "kind": self.resource.list_kind,
                "apiVersion": self.resource.api_version(),
                "metadata": metadata,
                "items": items.iter().map(|item| &**item).collect::<Vec<&Value>>(),
            }),
        };
        self.respond(StatusCode::OK, &list)
    }

    /// Any value, as JSON unless YAML was asked for.
    pub fn respond(&self, code: StatusCode, value: &Value) -> Result<Response, Failure> {
        let internal = |error: &dyn std::error::Error| Failure::internal(error.to_string());
        let (media_type, text) = match self.representation {
            Representation::Yaml => (
                "application/yaml",
                serde_yaml::to_string(value)
                    .map_err(|error| internal(&error))?
                    .into_bytes(),
            ),
            _ => (
                "application/json",
                serde_json::to_vec(value).map_err(|error| internal(&error))?,
            ),
        };
        Ok((code, [(header::CONTENT_TYPE, media_type)], text).into_response())
    }
}
