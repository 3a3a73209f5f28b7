//! OpenAPI v3: what kubectl needs before it writes, and what `kubectl explain` shows.
//!
//! kubectl looks for two things: whether the PATCH of a kind takes `fieldValidation`, and the schema
//! of the kind. So a document has one path a resource with its verbs, and one schema.

pub mod v2;

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    body::Bytes,
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use ring::digest::{SHA256, digest};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    resources::{self, Api},
    types::{Origin, Registry, Resource},
};

const REVALIDATED: &str = "no-cache, private";
const KEPT: &str = "public, immutable, max-age=31536000";
const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/// The hash that makes a document's address change with it.
#[derive(Debug, Deserialize)]
pub struct Version {
    hash: Option<String>,
}

/// The documents, made once, by path below `/openapi/v3/`.
#[derive(Debug)]
pub struct Documents {
    by_path: BTreeMap<String, Document>,
    index: Document,
}

#[derive(Debug)]
struct Document {
    hash: String,
    body: Bytes,
}

impl Document {
    fn new(value: &Value) -> Self {
        let body = Bytes::from(value.to_string());
        let digest = digest(&SHA256, &body);
        let hex = digest.as_ref().iter().map(|byte| format!("{byte:02X}"));
        Self {
            hash: hex.collect(),
            body,
        }
    }

    /// The document, or that it is still the one the client has.
    fn answer(&self, caching: &'static str, headers: &HeaderMap) -> Response {
        let tag = format!("\"{}\"", self.hash);
        let same = |value: &HeaderValue| value.as_bytes() == tag.as_bytes();
        let known = headers.get(header::IF_NONE_MATCH).is_some_and(same);
        let about = [
            (header::ETAG, tag),
            (header::CACHE_CONTROL, caching.to_owned()),
            (header::VARY, "Accept".to_owned()),
        ];
        if known {
            return (StatusCode::NOT_MODIFIED, about).into_response();
        }
        let json = [(header::CONTENT_TYPE, "application/json")];
        (about, json, self.body.clone()).into_response()
    }
}

impl Documents {
    /// Makes the documents of these types.
    pub fn new(registry: &Registry) -> Self {
        let by_path: BTreeMap<String, Document> = registry
            .group_versions()
            .into_iter()
            .map(|(group, version)| {
                let value = document(registry, group, version);
                (path(group, version), Document::new(&value))
            })
            .collect();
        let paths: Map<String, Value> = by_path
            .iter()
            .map(|(path, document)| {
                let url = format!("/openapi/v3/{path}?hash={}", document.hash);
                (path.clone(), json!({"serverRelativeURL": url}))
            })
            .collect();
        let index = Document::new(&json!({"paths": paths}));
        Self { by_path, index }
    }
}

/// GET /openapi/v3.
pub async fn index(State(api): State<Arc<Api>>, headers: HeaderMap) -> Response {
    api.openapi.index.answer(REVALIDATED, &headers)
}

/// GET of a document. With a hash it may be kept for ever; a hash that went leads to today's.
pub async fn one(
    State(api): State<Arc<Api>>,
    Path(path): Path<String>,
    Query(asked): Query<Version>,
    headers: HeaderMap,
) -> Response {
    let Some(document) = api.openapi.by_path.get(&path) else {
        return resources::no_such_path();
    };
    match asked.hash {
        None => document.answer(REVALIDATED, &headers),
        Some(hash) if hash == document.hash => document.answer(KEPT, &headers),
        Some(_) => {
            let url = format!("/openapi/v3/{path}?hash={}", document.hash);
            (StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, url)]).into_response()
        }
    }
}

fn path(group: &str, version: &str) -> String {
    if group.is_empty() {
        format!("api/{version}")
    } else {
        format!("apis/{group}/{version}")
    }
}

fn document(registry: &Registry, group: &str, version: &str) -> Value {
    let mut paths = Map::new();
    let mut schemas = Map::from_iter([(META.to_owned(), agentchat_schema::metadata::schema())]);
    let here = registry
        .all()
        .iter()
        .filter(|resource| resource.group == group && resource.version == version);
    for resource in here {
        let name = schema_name(resource);
        let base = match (group, resource.namespaced) {
            ("", false) => format!("/api/{version}"),
            ("", true) => format!("/api/{version}/namespaces/{{namespace}}"),
            (_, false) => format!("/apis/{group}/{version}"),
            (_, true) => format!("/apis/{group}/{version}/namespaces/{{namespace}}"),
        };
        let collection = format!("{base}/{}", resource.plural);
        let of_one = operations(resource, &["get", "put", "patch", "delete"], &name);
        let of_all = operations(resource, &["get", "post"], &name);
        for (path, operations) in [
            (format!("{collection}/{{name}}"), of_one),
            (collection, of_all),
        ] {
            if !operations.is_empty() {
                paths.insert(path, Value::Object(operations));
            }
        }
        schemas.insert(name, schema(resource));
    }
    json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "agentchat"},
        "paths": paths,
        "components": {"schemas": schemas},
    })
}

/// `dev.agentchat.v1alpha1.Agent`, `io.k8s.api.core.v1.Secret`,
/// `io.k8s.api.authorization.v1.SubjectAccessReview`.
fn schema_name(resource: &Resource) -> String {
    let prefix = match (resource.origin, resource.group.split('.').next()) {
        (Origin::BuiltIn, None | Some("")) => String::from("io.k8s.api.core"),
        (Origin::BuiltIn, Some(short)) => format!("io.k8s.api.{short}"),
        (Origin::Custom, _) => {
            let parts: Vec<&str> = resource.group.rsplit('.').collect();
            parts.join(".")
        }
    };
    format!("{prefix}.{}.{}", resource.version, resource.kind)
}

fn kind(resource: &Resource) -> Value {
    json!({"group": resource.group, "version": resource.version, "kind": resource.kind})
}

/// What can be done at a path; empty when the type's verbs are none of these methods.
fn operations(resource: &Resource, methods: &[&str], schema: &str) -> Map<String, Value> {
    let reference = json!({"$ref": format!("#/components/schemas/{schema}")});
    let mut operations = Map::new();
    for method in methods {
        let verb = match *method {
            "post" => "create",
            "put" => "update",
            same => same,
        };
        if !resource.verbs().contains(&verb) {
            continue;
        }
        let mut parameters = Vec::new();
        if matches!(*method, "post" | "put" | "patch") {
            for name in ["dryRun", "fieldManager", "fieldValidation"] {
                parameters.push(json!({
                    "name": name,
                    "in": "query",
                    "schema": {"type": "string", "uniqueItems": true},
                }));
            }
        }

        operations.insert(
            (*method).to_owned(),
            json!({
                "x-kubernetes-action": method,
                "x-kubernetes-group-version-kind": kind(resource),
                "parameters": parameters,
                "responses": {"200": {
                    "description": "OK",
                    "content": {"application/json": {"schema": reference}},
                }},
            }),
        );
    }
    operations
}

/// The schema with what every object has.
fn schema(resource: &Resource) -> Value {
    let mut schema = resource.schema.root().clone();
    let properties = &mut schema["properties"];
    properties["apiVersion"] = json!({
        "type": "string",
        "description": "Version of the schema of this object.",
    });
    properties["kind"] = json!({"type": "string", "description": "What this object is."});
    properties["metadata"] = json!({
        "description": "Standard object's metadata.",
        "allOf": [{"$ref": format!("#/components/schemas/{META}")}],
        "default": {},
    });
    schema["x-kubernetes-group-version-kind"] = json!([kind(resource)]);
    schema
}
