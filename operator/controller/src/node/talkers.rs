//! The agents that talk through a Node's chat server.
//!
//! They are read after what the server has was asked for: an agent whose key was approved before the list was read is
//! known to the watch by then, and is not taken for one that is gone.

use std::sync::Arc;

use agentchat_api::{Agent, IDENTITY_KEY, IdentityKind, Node, identity_secret};
use agentchat_protocol::Identity;
use kube::ResourceExt;

use crate::{agent, chat::key_note, context::Context};

/// An agent that talks through a chat server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Talker {
    /// Note beside its key on the allowlist.
    pub note: String,
    /// Its public key, PEM; `None` for an ephemeral one, and while the watch does not know it.
    pub public_key: Option<String>,
    /// Whether it is to be let in: it is not being deleted.
    pub stays: bool,
}

/// All of them.
pub fn talkers(server: &str, context: &Context) -> Vec<Talker> {
    let nodes = context.stores.nodes.state();
    let all = context.stores.agents.state();
    let through = all
        .iter()
        .filter(|agent| talks_through(agent, server, &nodes));
    through.map(|agent| talker(agent, context)).collect()
}

fn talks_through(agent: &Agent, server: &str, nodes: &[Arc<Node>]) -> bool {
    agent::select_server(agent, nodes).is_ok_and(|node| node.name_any() == server)
}

fn talker(agent: &Agent, context: &Context) -> Talker {
    let (namespace, name) = (agent.namespace().unwrap_or_default(), agent.name_any());
    let secret = context.stores.secret(&namespace, &identity_secret(&name));
    let persistent = agent.spec.chat.identity == IdentityKind::Persistent;
    let pem = secret.filter(|_| persistent);
    let identity = pem.and_then(|s| Identity::from_pkcs8_pem(s.text(IDENTITY_KEY)?).ok());
    Talker {
        note: key_note(&context.settings.swarm, &namespace, &name),
        public_key: identity.map(|identity| identity.public_key_pem()),
        stays: agent.metadata.deletion_timestamp.is_none(),
    }
}
