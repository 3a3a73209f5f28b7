//! The agent's Ed25519 key: made once, kept in a Secret, also when the Agent is deleted.

use agentchat_api::{Agent, IDENTITY_KEY, identity_secret};
use agentchat_protocol::Identity;
use kube::ResourceExt;

use crate::{chat::ensure_identity, context::Context, error::Error};

/// Reads the agent's key; makes it when there is none.
pub async fn ensure(agent: &Agent, context: &Context) -> Result<Identity, Error> {
    let namespace = agent.namespace().unwrap_or_default();
    let secret = identity_secret(&agent.name_any());
    ensure_identity(&context.client, &namespace, &secret, IDENTITY_KEY).await
}
