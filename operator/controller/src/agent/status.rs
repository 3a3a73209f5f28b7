//! The status of an Agent, written when it has changed.

use agentchat_api::{Agent, AgentStatus};
use kube::Api;

use super::validate::ValidatedAgent;
use crate::{cache::Written, context::Context, error::Error, status};

/// Writes the status, if it differs from what is stored.
pub async fn write(
    agent: &ValidatedAgent,
    next: &AgentStatus,
    context: &Context,
) -> Result<(), Error> {
    let (namespace, name) = &agent.key;
    let api = Api::<Agent>::namespaced(context.client.clone(), namespace);
    let stored = status::write(&api, (name, &agent.uid), &agent.previous, next).await?;
    if let Some(mut stored) = stored {
        let status = stored.status.take().unwrap_or_default();
        let written = Written::new(&stored, status);
        context
            .agents
            .with(&agent.key, |cached| cached.written = Some(written));
    }
    Ok(())
}
