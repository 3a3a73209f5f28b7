//! Answers in the representation that was asked for.

use std::sync::Arc;

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::{accept::Representation, failure::Failure, meta, types::Resource};

/// Renders objects of one type in one representation.
#[derive(Clone, Debug)]
pub struct Renderer {
    /// The type.
    pub resource: Arc<Resource>,
    /// How it is to look.
    pub representation: Representation,
}

impl Renderer {
    /// One object.
    pub fn object(&self, code: StatusCode, object: &Value) -> Result<Response, Failure> {
        let shown = self.value(object, true)?;
        self.respond(code, &shown)
    }

    /// One object as it appears in answers and in watch events; `first`: with column definitions.
    pub fn value(&self, object: &Value, first: bool) -> Result<Value, Failure> {
        let _ = first;
        Ok(match self.representation {
            Representation::Metadata => meta::partial(object),
            _ => object.clone(),
        })
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
            _ => json!({
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
