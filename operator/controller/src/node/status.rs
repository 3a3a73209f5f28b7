//! The status of a Node, written when it has changed.

use agentchat_api::{Node, NodeStatus};
use kube::Api;

use super::validate::ValidatedNode;
use crate::{cache::Written, context::Context, error::Error, status};

/// Writes the status, if it differs from what is stored.
pub async fn write(
    node: &ValidatedNode,
    next: &NodeStatus,
    context: &Context,
) -> Result<(), Error> {
    let api = Api::<Node>::all(context.client.clone());
    let stored = status::write(&api, (&node.name, &node.uid), &node.previous, next).await?;
    if let Some(mut stored) = stored {
        let status = stored.status.take().unwrap_or_default();
        let written = Written::new(&stored, status);
        context
            .node_statuses
            .with(&node.name, |last| *last = Some(written));
    }
    Ok(())
}

/// Forgets a Node that is gone.
pub fn forget(node: &str, context: &Context) {
    context.engines.forget(node);
    context.node_statuses.forget(&node.to_owned());
    context.services.forget_all(|(of, _)| of == node);
}
