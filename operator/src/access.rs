//! Access to agents, next to the Kubernetes-style API and behind the same credential:
//! `GET /access/v1/namespaces/{namespace}/agents/{name}/log?follow=true&tail=100`.

use agentchat_api::Agent;
use agentchat_controller::{EngineState, Engines};
use agentchat_driver::{ContainerPhase, Selector};
use axum::{
    Router,
    body::Body,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use futures::StreamExt;
use kube::{Api, Client};
use serde::Deserialize;

/// What answers are made from.
#[derive(Clone)]
pub struct Access {
    /// Access to the API.
    pub client: Client,
    /// Engines by Node.
    pub engines: Engines,
}

/// The routes.
pub fn router(access: Access) -> Router {
    Router::new()
        .route(
            "/access/v1/namespaces/{namespace}/agents/{name}/log",
            get(log),
        )
        .with_state(access)
}

/// What of the log is wanted.
#[derive(Deserialize)]
struct LogQuery {
    #[serde(default)]
    follow: bool,
    tail: Option<u32>,
}

type Refusal = (StatusCode, String);

async fn log(
    State(access): State<Access>,
    Path((namespace, name)): Path<(String, String)>,
    Query(query): Query<LogQuery>,
) -> Result<Response, Refusal> {
    let unavailable = |message| (StatusCode::SERVICE_UNAVAILABLE, message);
    let node = node_of(&access, &namespace, &name).await?;
    let connection = match access.engines.state(&node) {
        EngineState::Connected(connection) => connection,
        EngineState::Connecting => {
            let message = format!("the engine of Node {node} has not answered yet; try again");
            return Err(unavailable(message));
        }
        EngineState::Unreachable { reason, .. } => {
            let message = format!("the engine of Node {node} does not answer: {reason}");
            return Err(unavailable(message));
        }
    };
    let selector = Selector::agent(&namespace, &name);
    let found = connection.engine.find(&selector).await;
    let found = found.map_err(|error| unavailable(error.to_string()))?;
    // While one replaces another there are two; the running one is the agent.
    let mine = found
        .iter()
        .min_by_key(|c| c.phase != ContainerPhase::Running);
    let Some(container) = mine else {
        return Err(no_container(&namespace, &name));
    };
    let logs = connection
        .engine
        .logs(&container.id, query.follow, query.tail)
        .await;
    let logs = logs.map_err(|error| (StatusCode::BAD_GATEWAY, error.to_string()))?;
    let chunks = logs.map(|chunk| chunk.map_err(std::io::Error::other));
    Ok(Body::from_stream(chunks).into_response())
}

/// The Node that an agent is on.
async fn node_of(access: &Access, namespace: &str, name: &str) -> Result<String, Refusal> {
    let api = Api::<Agent>::namespaced(access.client.clone(), namespace);
    let agent = api.get_opt(name).await;
    let agent = agent.map_err(|error| (StatusCode::BAD_GATEWAY, error.to_string()))?;
    let Some(agent) = agent else {
        let message = format!("there is no Agent {namespace}/{name}");
        return Err((StatusCode::NOT_FOUND, message));
    };
    let node = agent.status.and_then(|status| status.node_name);
    node.ok_or_else(|| no_container(namespace, name))
}

fn no_container(namespace: &str, name: &str) -> Refusal {
    let message = format!("agent {namespace}/{name} has no container; see its status");
    (StatusCode::NOT_FOUND, message)
}
