//! The engine of a Node: who it is, and what it runs for the Node.

use agentchat_api::{Node, NodeInfo, NodeRole, NodeStatus};
use agentchat_driver::{Listed, labels};
use kube::ResourceExt;
use tracing::warn;

use super::{Problem, orphans, status};
use crate::{context::Context, error::chain};

/// Asks the engine.
pub async fn probe(node: &Node, context: &Context, next: &mut NodeStatus) -> Option<Problem> {
    let engine = &context.engine;
    let answer = match engine.info().await {
        Ok(info) => engine.list().await.map(|all| (info, all)),
        Err(error) => Err(error),
    };
    match answer {
        Ok((info, all)) => {
            let runs = |c: &&Listed| c.running && is_on(c, node);
            next.agents = u32::try_from(all.iter().filter(runs).count()).ok();
            next.node_info = Some(NodeInfo {
                podman_version: info.version,
                api_version: info.api_version,
                kernel: info.kernel,
                architecture: info.architecture,
                os: info.os,
            });
            let what = ("PodmanReachable", Some(true));
            status::set(node, next, what, ("Reachable", ""));
            if node.spec.role == NodeRole::Client
                && let Err(error) = orphans::remove(context, &all).await
            {
                warn!(error = %chain(&error), "an orphan could not be removed; it is tried again");
            }
            None
        }
        Err(error) => {
            let message = chain(&error);
            let what = ("PodmanReachable", Some(false));
            status::set(node, next, what, ("Unreachable", &message));
            Some(("Unreachable", message))
        }
    }
}

/// Whether a container belongs to a Node.
pub fn is_on(container: &Listed, node: &Node) -> bool {
    container.labels.get(labels::NODE) == Some(&node.name_any())
}
