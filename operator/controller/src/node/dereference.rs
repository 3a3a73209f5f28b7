//! Reads what a Node points at: its chat server's keys, its sibling Nodes.

use std::sync::Arc;

use agentchat_api::{Node, NodeRole, NodeStatus};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;

use super::pki::{self, ChatKeys};
use crate::{context::Context, error::Error};

/// Everything that a Node points at.
pub struct Dereferenced {
    /// The newest status.
    pub status: NodeStatus,
    /// The chat server's keys; role Server. They are made when there are none.
    pub keys: Option<Result<ChatKeys, Error>>,
    /// Whether another Node stays.
    pub has_siblings: bool,
}

/// Reads all of it.
pub async fn dereference(node: &Node, context: &Context) -> Result<Dereferenced, Error> {
    let name = node.name_any();
    let nodes = context.stores.nodes.state();
    let stays = |n: &Arc<Node>| n.name_any() != name && n.metadata.deletion_timestamp.is_none();
    let is_server = node.spec.role == NodeRole::Server;
    let deleting = node.metadata.deletion_timestamp.is_some();
    let server = node.spec.server.clone().unwrap_or_default();
    // What was approved on a server that is run elsewhere is withdrawn at the end.
    let keys = if is_server && (!deleting || server.endpoint.is_some()) {
        match pki::ensure(context, &name, &server, Timestamp::now()).await {
            Err(error @ (Error::Kube(_) | Error::Stopping)) => return Err(error),
            keys => Some(keys),
        }
    } else {
        None
    };
    Ok(Dereferenced {
        status: newest_status(node, context),
        keys,
        has_siblings: nodes.iter().any(stays),
    })
}

/// The newest status: what was written last, when the watch has not told of it yet.
pub fn newest_status(node: &Node, context: &Context) -> NodeStatus {
    let written = context.node_statuses.with(&node.name_any(), |written| {
        written.as_ref().and_then(|w| w.newer_than(node))
    });
    written.unwrap_or_else(|| node.status.clone().unwrap_or_default())
}
