//! The paths.

use std::sync::Arc;

use axum::{Router, routing::get};

use crate::{
    discovery, openapi,
    resources::{self, Api},
};

/// Every route of the API, without authentication.
pub fn router(api: Arc<Api>) -> Router {
    Router::new()
        .route("/healthz", get(healthy))
        .route("/livez", get(healthy))
        .route("/readyz", get(healthy))
        .route("/version", get(discovery::version))
        .route("/api", get(discovery::core))
        .route("/api/v1", get(discovery::core_resources))
        .route("/apis", get(discovery::groups))
        .route("/apis/{group}", get(discovery::group))
        .route("/apis/{group}/{version}", get(discovery::group_resources))
        .route("/openapi/v2", get(openapi::v2::document))
        .route("/openapi/v3", get(openapi::index))
        .route("/openapi/v3/{*path}", get(openapi::one))
        .fallback(resources::handle)
        .with_state(api)
}

async fn healthy() -> &'static str {
    "ok"
}
