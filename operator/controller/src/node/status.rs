//! The status of a Node.

use std::time::Duration;

use agentchat_api::{Node, NodeStatus, condition};
use k8s_openapi::jiff::Timestamp;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::json;

use crate::{context::Context, error::Error, merge};

/// The status as it is stored now; the watch may be late to tell of what was written last.
pub async fn stored(node: &Node, context: &Context) -> Result<NodeStatus, Error> {
    let api = Api::<Node>::all(context.client.clone());
    let newest = api.get(&node.name_any()).await?;
    Ok(newest.status.unwrap_or_default())
}

/// Sets one condition.
pub fn set(node: &Node, next: &mut NodeStatus, what: (&str, Option<bool>), why: (&str, &str)) {
    let when = (node.metadata.generation, Timestamp::now());
    condition(&mut next.conditions, what, why, when);
}

/// For how long it has not been ready.
pub fn not_ready_for(status: &NodeStatus, now: Timestamp) -> Duration {
    let ready = status.conditions.iter().find(|c| c.type_ == "Ready");
    let since = ready.map_or(now, |c| c.last_transition_time.0);
    Duration::try_from(now.duration_since(since)).unwrap_or_default()
}

/// Writes the status, if it differs from what is stored.
pub async fn write(
    node: &Node,
    context: &Context,
    stored: &NodeStatus,
    next: &NodeStatus,
) -> Result<(), Error> {
    let (old, new) = (serde_json::to_value(stored)?, serde_json::to_value(next)?);
    let Some(change) = merge::diff(&old, &new) else {
        return Ok(());
    };
    // The UID keeps it from another Node that has got the name meanwhile.
    let patch = json!({ "metadata": { "uid": node.uid() }, "status": change });
    let api = Api::<Node>::all(context.client.clone());
    api.patch_status(
        &node.name_any(),
        &PatchParams::default(),
        &Patch::Merge(patch),
    )
    .await?;
    Ok(())
}
