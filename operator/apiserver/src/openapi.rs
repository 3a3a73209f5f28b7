//! OpenAPI v3: what kubectl needs before it writes, and what `kubectl explain` shows.
//!
//! kubectl looks for two things: whether the PATCH of a kind takes `fieldValidation`, and the schema
//! of the kind. So a document has one path a resource with its verbs, and one schema.

pub mod v2;

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use ring::digest::{SHA256, digest};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    resources::{self, Api},
    types::{Registry, Resource},
};

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/// The hash that makes a document's address change with it.
#[derive(Debug, Deserialize)]
pub struct Version {
    hash: Option<String>,
}

/// GET /openapi/v3.
pub async fn index(State(api): State<Arc<Api>>) -> Json<Value> {
    let mut paths = Map::new();
    for (group, version) in api.registry.group_versions() {
        let path = path(group, version);
        let hash = hash(&document(&api.registry, group, version));
        let url = format!("/openapi/v3/{path}?hash={hash}");
        paths.insert(path, json!({"serverRelativeURL": url}));
    }
    Json(json!({"paths": paths}))
}

/// GET /openapi/v3/api/v1.
pub async fn core(
    State(api): State<Arc<Api>>,
    Query(asked): Query<Version>,
    headers: HeaderMap,
) -> Response {
    answer(&api.registry, "", "v1", &asked, &headers)
}

/// GET /openapi/v3/apis/GROUP/VERSION.
pub async fn group(
    State(api): State<Arc<Api>>,
    Path((group, version)): Path<(String, String)>,
    Query(asked): Query<Version>,
    headers: HeaderMap,
) -> Response {
    answer(&api.registry, &group, &version, &asked, &headers)
}

fn answer(
    registry: &Registry,
    group: &str,
    version: &str,
    asked: &Version,
    headers: &HeaderMap,
) -> Response {
    if !registry.group_versions().contains(&(group, version)) {
        return resources::no_such_path();
    }
    let document = document(registry, group, version);
    let hash = hash(&document);
    if asked.hash.as_ref().is_some_and(|said| *said != hash) {
        let url = format!("/openapi/v3/{}?hash={hash}", path(group, version));
        return (StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, url)]).into_response();
    }
    let tag = format!("\"{hash}\"");
    let same = |value: &HeaderValue| value.as_bytes() == tag.as_bytes();
    if headers.get(header::IF_NONE_MATCH).is_some_and(same) {
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response();
    }
    let caching = match asked.hash {
        Some(_) => "public, immutable, max-age=31536000",
        None => "no-cache, private",
    };
    let headers = [(header::ETAG, tag), (header::CACHE_CONTROL, caching.into())];
    (headers, Json(document)).into_response()
}

fn path(group: &str, version: &str) -> String {
    if group.is_empty() {
        format!("api/{version}")
    } else {
        format!("apis/{group}/{version}")
    }
}

fn hash(document: &Value) -> String {
    let digest = digest(&SHA256, document.to_string().as_bytes());
    let bytes = digest.as_ref().iter();
    bytes.map(|byte| format!("{byte:02X}")).collect()
}

fn document(registry: &Registry, group: &str, version: &str) -> Value {
    let mut paths = Map::new();
    let mut schemas = Map::from_iter([(META.to_owned(), object_meta())]);
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
        paths.insert(
            format!("{collection}/{{name}}"),
            operations(resource, &["get", "put", "patch", "delete"], &name),
        );
        paths.insert(collection, operations(resource, &["get", "post"], &name));
        schemas.insert(name, schema(resource));
    }
    json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "agentchat"},
        "paths": paths,
        "components": {"schemas": schemas},
    })
}

/// `dev.agentchat.v1alpha1.Agent`, `io.k8s.api.core.v1.Secret`.
fn schema_name(resource: &Resource) -> String {
    let prefix = if resource.group.is_empty() {
        String::from("io.k8s.api.core")
    } else {
        let parts: Vec<&str> = resource.group.rsplit('.').collect();
        parts.join(".")
    };
    format!("{prefix}.{}.{}", resource.version, resource.kind)
}

fn kind(resource: &Resource) -> Value {
    json!({"group": resource.group, "version": resource.version, "kind": resource.kind})
}

fn operations(resource: &Resource, methods: &[&str], schema: &str) -> Value {
    let reference = json!({"$ref": format!("#/components/schemas/{schema}")});
    let written = |method: &str| !matches!(method, "get");
    let mut operations = Map::new();
    for method in methods {
        if written(method) && !resource.writable {
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
        let action = if *method == "post" { "post" } else { *method };
        operations.insert(
            (*method).to_owned(),
            json!({
                "x-kubernetes-action": action,
                "x-kubernetes-group-version-kind": kind(resource),
                "parameters": parameters,
                "responses": {"200": {
                    "description": "OK",
                    "content": {"application/json": {"schema": reference}},
                }},
            }),
        );
    }
    Value::Object(operations)
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

fn object_meta() -> Value {
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
