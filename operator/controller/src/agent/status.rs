//! The status of an Agent, written when it has changed.

use agentchat_api::{Agent, AgentStatus};
use kube::Api;

use super::{dereference::newest_status, validate::ValidatedAgent};
use crate::{
    cache::{Written, key_of},
    context::Context,
    error::Error,
    refusal, status,
};

/// Writes the status, if it differs from what is stored.
pub async fn write(
    agent: &ValidatedAgent,
    next: &AgentStatus,
    context: &Context,
) -> Result<(), Error> {
    let (namespace, name) = &agent.key;
    let api = Api::<Agent>::namespaced(context.client.clone(), namespace);
    let stored = status::write(&api, (name, &agent.uid), &agent.previous, next).await?;
    if let Some(stored) = stored {
        remember(stored, context);
    }
    Ok(())
}

/// Says on the Agent that the API refused for good what its reconcile asked for.
pub async fn write_refusal(agent: &Agent, error: &Error, context: &Context) {
    let (namespace, _) = key_of(agent);
    let api = Api::<Agent>::namespaced(context.client.clone(), &namespace);
    let conditions = newest_status(agent, context).conditions;
    let stored = refusal::publish(&context.client, &api, agent, conditions, error).await;
    if let Some(stored) = stored {
        remember(stored, context);
    }
}

fn remember(mut stored: Agent, context: &Context) {
    let status = stored.status.take().unwrap_or_default();
    let written = Written::new(&stored, status);
    context
        .agents
        .if_there(&key_of(&stored), |cached| cached.written = Some(written));
}
