//! The status of an Agent, written when it has changed.

use agentchat_api::{Agent, AgentStatus};
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::json;

use super::validate::ValidatedAgent;
use crate::{
    cache::{Written, revision},
    context::Context,
    error::Error,
    merge,
};

/// Writes the status, if it differs from what is stored.
pub async fn write(
    agent: &ValidatedAgent,
    next: &AgentStatus,
    context: &Context,
) -> Result<(), Error> {
    let old = serde_json::to_value(&agent.previous)?;
    let Some(change) = merge::diff(&old, &serde_json::to_value(next)?) else {
        return Ok(());
    };
    let (namespace, name) = &agent.key;
    let api = Api::<Agent>::namespaced(context.client.clone(), namespace);
    // The UID keeps it from another Agent that has got the name meanwhile.
    let patch = json!({ "metadata": { "uid": agent.uid }, "status": change });
    let patch = Patch::Merge(patch);
    let written = match api
        .patch_status(name, &PatchParams::default(), &patch)
        .await
    {
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
        .agents
        .with(&agent.key, |cached| cached.written = Some(written));
    Ok(())
}
