//! What it takes to reach one chat server as its administrator.

use std::fmt;

use agentchat_api::{ADMIN_KEY_KEY, EndpointScope, Node, SYSTEM_NAMESPACE, chat_admin_secret};
use kube::ResourceExt;

use crate::context::Stores;

/// What it takes to reach one chat server as its administrator.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerAccess {
    /// Name of the Node.
    pub node: String,
    /// URL, as the operator's host reaches it.
    pub url: String,
    /// The server's CA, PEM.
    pub ca_pem: String,
    /// Shared admin key; a secret.
    pub admin_key: String,
}

impl fmt::Debug for ServerAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerAccess({} at {})", self.node, self.url)
    }
}

impl ServerAccess {
    /// From the Node's status and Secret; `None` while they are not there.
    pub fn of(stores: &Stores, node: &Node) -> Option<Self> {
        let name = node.name_any();
        let secret = stores.secret(SYSTEM_NAMESPACE, &chat_admin_secret(&name))?;
        let status = node.status.as_ref()?;
        let of = |scope| status.endpoints.iter().find(|e| e.scope == scope);
        let endpoint = of(EndpointScope::Host).or_else(|| of(EndpointScope::Network))?;
        Some(Self {
            node: name,
            url: endpoint.url.clone(),
            ca_pem: status.ca_bundle.clone()?,
            admin_key: secret.text(ADMIN_KEY_KEY)?.to_owned(),
        })
    }
}

/// The note of an agent's key on the allowlist of its chat server: by it the operator knows the key as one of its own.
pub fn key_note(swarm: &str, namespace: &str, name: &str) -> String {
    format!("agentchat:{swarm}/{namespace}/{name}")
}
