//! What it takes to reach one chat server as its administrator.

use std::fmt;

use agentchat_api::{ADMIN_KEY_KEY, EndpointScope, Node, SYSTEM_NAMESPACE, chat_admin_secret};
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client, ResourceExt};

use crate::error::Error;

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
        let api = Api::<Secret>::namespaced(client.clone(), SYSTEM_NAMESPACE);
        let data = api
            .get_opt(&chat_admin_secret(&name))
            .await?
            .and_then(|secret| secret.data);
        let key = data.and_then(|mut data| data.remove(ADMIN_KEY_KEY));
        let status = node.status.as_ref();
        let url = status.and_then(|s| s.endpoints.iter().find(|e| e.scope == EndpointScope::Host));
        let ca = status.and_then(|s| s.ca_bundle.clone());
        Ok(
            match (key.and_then(|k| String::from_utf8(k.0).ok()), url, ca) {
                (Some(admin_key), Some(url), Some(ca_pem)) => Some(Self {
                    node: name,
                    url: url.url.clone(),
                    ca_pem,
                    admin_key,
                }),
                _ => None,
            },
        )
    }
}
