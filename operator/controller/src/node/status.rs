//! The status of a Node, written when it has changed.

use agentchat_api::{Node, NodeStatus};
use kube::{Api, ResourceExt};

use super::{dereference::newest_status, validate::ValidatedNode};
use crate::{cache::Written, context::Context, error::Error, refusal, status};

/// Writes the status, if it differs from what is stored.
pub async fn write(
    node: &ValidatedNode,
    next: &NodeStatus,
    context: &Context,
) -> Result<(), Error> {
    let api = Api::<Node>::all(context.client.clone());
    let stored = status::write(&api, (&node.name, &node.uid), &node.previous, next).await?;
    if let Some(stored) = stored {
        remember(stored, context);
    }
    Ok(())
}

/// Says on the Node that the API refused for good what its reconcile asked for.
pub async fn write_refusal(node: &Node, error: &Error, context: &Context) {
    let api = Api::<Node>::all(context.client.clone());
    let conditions = newest_status(node, context).conditions;
    let stored = refusal::publish(&context.client, &api, node, conditions, error).await;
    if let Some(stored) = stored {
        remember(stored, context);
    }
}

fn remember(mut stored: Node, context: &Context) {
    let status = stored.status.take().unwrap_or_default();
    let written = Written::new(&stored, status);
    context
        .node_statuses
        .if_there(&stored.name_any(), |last| *last = Some(written));
}

/// Forgets a Node that is gone.
pub fn forget(node: &str, context: &Context) {
    context.engines.forget(node);
    context.node_statuses.forget(&node.to_owned());
    context.services.forget_all(|(of, _)| of == node);
}
