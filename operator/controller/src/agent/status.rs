//! The status of an Agent: which one is the newest, and how the next is written.

use agentchat_api::{Agent, AgentPhase, AgentStatus};
use agentchat_driver::EngineError;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::json;

use super::{Seen, reported, standing};
use crate::{
    context::Context,
    error::{Error, chain},
    live::Written,
    merge,
};

/// The newest status: what was written last, when the watch has not told of it yet.
pub fn newest(agent: &Agent, context: &Context) -> AgentStatus {
    let (uid, seen) = (agent.uid(), revision(agent));
    let written = context.live.with(&super::key(agent), |entry| {
        let newer = |w: &&Written| w.uid == uid && w.revision > seen;
        entry
            .written
            .as_ref()
            .filter(newer)
            .map(|w| w.status.clone())
    });
    written.unwrap_or_else(|| agent.status.clone().unwrap_or_default())
}

/// Revisions of one object are numbers that grow.
fn revision(agent: &Agent) -> u64 {
    let text = agent.resource_version();
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Says in the status why a reconcile failed; phase and conditions of what was seen are set already.
pub fn fail(agent: &Agent, seen: &Seen, error: &Error, next: &mut AgentStatus) {
    let message = reported::text(&chain(error));
    let reason = match error {
        Error::Engine(EngineError::Unreachable { .. }) => {
            return standing::unknown(agent, &message, next);
        }
        // Nothing is wrong with the agent.
        Error::Kube(_) | Error::Finalizer(_) | Error::InUse(_) | Error::Stopping => return,
        Error::Engine(_) => "EngineRefused",
        Error::Chat(_) => "ChatServerFailed",
        Error::Invalid(_) => "InvalidSpec",
        Error::Certificate(_) | Error::Json(_) => "ReconcileFailed",
    };
    standing::set(agent, next, "Ready", Some(false), (reason, &message));
    if !seen.runs() {
        next.phase = Some(AgentPhase::Pending);
    }
}

/// Writes the status, if it differs from what is stored.
pub async fn write(
    agent: &Agent,
    context: &Context,
    stored: &AgentStatus,
    next: &AgentStatus,
) -> Result<(), Error> {
    let (old, new) = (serde_json::to_value(stored)?, serde_json::to_value(next)?);
    let Some(change) = merge::diff(&old, &new) else {
        return Ok(());
    };
    let namespace = agent.namespace().unwrap_or_default();
    let api = Api::<Agent>::namespaced(context.client.clone(), &namespace);
    // The UID keeps it from another Agent that has got the name meanwhile.
    let patch = json!({ "metadata": { "uid": agent.uid() }, "status": change });
    let written = api
        .patch_status(
            &agent.name_any(),
            &PatchParams::default(),
            &Patch::Merge(patch),
        )
        .await?;
    let written = Written {
        uid: written.uid(),
        revision: revision(&written),
        status: written.status.unwrap_or_default(),
    };
    context
        .live
        .with(&super::key(agent), |entry| entry.written = Some(written));
    Ok(())
}
