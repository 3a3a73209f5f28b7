//! Access to agents, next to the Kubernetes-style API and behind the same credential:
//! `GET /access/v1/namespaces/{namespace}/agents/{name}/log?follow=true&tail=100`.

use agentchat_driver::ContainerPhase;
use axum::{
    Router,
    body::Body,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use futures::StreamExt;
use serde::Deserialize;

use crate::SharedEngine;

/// The routes.
pub fn router(engine: SharedEngine) -> Router {
    Router::new()
        .route(
            "/access/v1/namespaces/{namespace}/agents/{name}/log",
            get(log),
        )
        .with_state(engine)
}

/// What of the log is wanted.
#[derive(Deserialize)]
struct LogQuery {
    #[serde(default)]
    follow: bool,
    tail: Option<u32>,
}

async fn log(
    State(engine): State<SharedEngine>,
    Path((namespace, name)): Path<(String, String)>,
    Query(query): Query<LogQuery>,
) -> Response {
    let found = match engine.find(&namespace, &name).await {
        Ok(found) => found,
        Err(error) => return (StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response(),
    };
    // While one replaces another there are two; the running one is the agent.
    let mine = found
        .iter()
        .min_by_key(|c| c.phase != ContainerPhase::Running);
    let Some(container) = mine else {
        let message = format!("agent {namespace}/{name} has no container; see its status");
        return (StatusCode::NOT_FOUND, message).into_response();
    };
    match engine.logs(&container.id, query.follow, query.tail).await {
        Ok(stream) => Body::from_stream(stream.map(|chunk| chunk.map_err(std::io::Error::other)))
            .into_response(),
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}
