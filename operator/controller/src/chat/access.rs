//! What it takes to reach one chat server as its administrator.

use std::fmt;

use agentchat_api::{ADMIN_KEY_KEY, EndpointScope, Node, SYSTEM_NAMESPACE, chat_admin_secret};
use kube::{Client, ResourceExt};

use crate::{error::Error, secret::Secrets};

/// What it takes to reach one chat server as its administrator.
#[derive(Clone)]
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
    /// Reads it from the Node's status and Secret; `None` while they are not there.
    pub async fn read(client: &Client, node: &Node) -> Result<Option<Self>, Error> {
        let name = node.name_any();
        let secret = Secrets::new(client, SYSTEM_NAMESPACE)
            .read(&chat_admin_secret(&name))
            .await?;
        let key = secret.and_then(|s| s.text(ADMIN_KEY_KEY).map(str::to_owned));
        let status = node.status.as_ref();
        let url = status.and_then(|s| s.endpoints.iter().find(|e| e.scope == EndpointScope::Host));
        let ca = status.and_then(|s| s.ca_bundle.clone());
        Ok(match (key, url, ca) {
            (Some(admin_key), Some(url), Some(ca_pem)) => Some(Self {
                node: name,
                url: url.url.clone(),
                ca_pem,
                admin_key,
            }),
            _ => None,
        })
    }
}
