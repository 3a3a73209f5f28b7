//! OpenAPI v2: a document without definitions.
//!
//! kubectl fetches it for kinds that v3 doesn't have. One that isn't there makes it give up with
//! "failed to download openapi"; an empty one lets it go on and say what is really wrong, that
//! there is no such kind.

use axum::{
    Json,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

/// `openapi.v2.Document{swagger: "2.0", info: {title: "Kubernetes", version: "none"}, paths: {}}`.
const DOCUMENT: &[u8] = b"\x0a\x032.0\x12\x12\x0a\x0aKubernetes\x12\x04none\x42\x00";

const PROTOBUF: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/// GET /openapi/v2.
pub async fn document(headers: HeaderMap) -> Response {
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if accept.contains("proto-openapi.spec.v2") {
        return ([(header::CONTENT_TYPE, PROTOBUF)], DOCUMENT).into_response();
    }
    let info = json!({"title": "Kubernetes", "version": "none"});
    Json(json!({"swagger": "2.0", "info": info, "paths": {}})).into_response()
}
