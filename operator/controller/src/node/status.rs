//! The status of a Node, written when it has changed.

use agentchat_api::{Node, NodeStatus};
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::json;

use super::validate::ValidatedNode;
use crate::{
    cache::{Written, revision},
    context::Context,
    error::Error,
    merge,
};

/// Writes the status, if it differs from what is stored.
pub async fn write(
    node: &ValidatedNode,
    next: &NodeStatus,
    context: &Context,
) -> Result<(), Error> {
    let old = serde_json::to_value(&node.previous)?;
    let Some(change) = merge::diff(&old, &serde_json::to_value(next)?) else {
        return Ok(());
    };
    // The UID keeps it from another Node that has got the name meanwhile.
    let patch = json!({ "metadata": { "uid": node.uid }, "status": change });
    let api = Api::<Node>::all(context.client.clone());
    let (params, patch) = (PatchParams::default(), Patch::Merge(patch));
    let written = match api.patch_status(&node.name, &params, &patch).await {
        // It was written, into an object that can't be read any more.
        Err(kube::Error::SerdeError(_)) => return Ok(()),
        written => written?,
    };
    let written = Written {
        uid: written.uid(),
        revision: revision(&written),
        status: written.status.unwrap_or_default(),
    };
    context
        .node_statuses
        .with(&node.name, |last| *last = Some(written));
    Ok(())
}

/// Forgets a Node that is gone.
pub fn forget(node: &str, context: &Context) {
    context.engines.forget(node);
    context.node_statuses.forget(&node.to_owned());
    context.services.forget_all(|(of, _)| of == node);
}
