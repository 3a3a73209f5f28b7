//! Reads what the spec points at: Nodes, Secrets, ConfigMaps.

use agentchat_api::{Agent, AgentStatus, EndpointScope, IdentityKind, Node};
use agentchat_protocol::Identity;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, ResourceExt, api::ListParams};

use super::{
    Missing,
    credentials::{Credential, credential},
    identity,
    placement::{admissible, endpoint, place, server, server_trouble},
};
use crate::{chat::ServerAccess, context::Context, error::Error};

/// Everything that the spec points at, read.
pub struct Needs {
    /// The Node to run on.
    pub node: String,
    /// URL of the chat server, as the agent's container reaches it.
    pub chat_url: String,
    /// The same server, as the operator reaches it.
    pub server: ServerAccess,
    /// Why that server can't take anybody now, if it can't.
    pub server_trouble: Option<Missing>,
    /// Personality parts, in order: file name and text.
    pub personality: Vec<(String, String)>,
    /// Credential for the model.
    pub credential: Credential,
    /// The agent's key, unless it is ephemeral.
    pub identity: Option<Identity>,
}

/// Reads all of it, or says what is missing.
pub async fn dereference(
    agent: &Agent,
    context: &Context,
    next: &mut AgentStatus,
) -> Result<Result<Needs, Missing>, Error> {
    let nodes = Api::<Node>::all(context.client.clone())
        .list(&ListParams::default())
        .await?
        .items;
    let chosen = place(agent, &nodes, next.node_name.as_deref()).and_then(|node| {
        next.node_name = Some(node.name_any());
        let server = server(agent, &nodes)?;
        admissible(agent, server)?;
        let chat_url = node.spec.chat_endpoint.clone();
        let chat_url = chat_url.or_else(|| endpoint(server, EndpointScope::SameEngine));
        Ok((node, server, chat_url.ok_or_else(|| no_keys(server))?))
    });
    let (node, server, chat_url) = match chosen {
        Ok(chosen) => chosen,
        Err(missing) => return Ok(Err(missing)),
    };
    let Some(access) = ServerAccess::read(&context.client, server).await? else {
        return Ok(Err(no_keys(server)));
    };
    let personality = match personality(agent, context).await? {
        Ok(parts) => parts,
        Err(missing) => return Ok(Err(missing)),
    };
    let credential = match credential(agent, context).await? {
        Ok(credential) => credential,
        Err(missing) => return Ok(Err(missing)),
    };
    let identity = match agent.spec.chat.identity {
        IdentityKind::Persistent => Some(identity::ensure(agent, context).await?),
        IdentityKind::Ephemeral => None,
    };
    Ok(Ok(Needs {
        node: node.name_any(),
        chat_url,
        server: access,
        server_trouble: server_trouble(server),
        personality,
        credential,
        identity,
    }))
}

fn no_keys(server: &Node) -> Missing {
    let message = format!(
        "Node {} has not published how to reach its chat server yet; see its conditions",
        server.name_any()
    );
    Missing::new("ChatConnected", "ServerNotReady", message)
}

async fn personality(
    agent: &Agent,
    context: &Context,
) -> Result<Result<Vec<(String, String)>, Missing>, Error> {
    let namespace = agent.namespace().unwrap_or_default();
    let api = Api::<ConfigMap>::namespaced(context.client.clone(), &namespace);
    let mut parts = vec![];
    for (i, part) in agent.spec.personality.iter().enumerate() {
        let text = match (&part.inline, &part.config_map_ref) {
            (Some(text), None) => text.clone(),
            (None, Some(reference)) => {
                let map = api.get_opt(&reference.name).await?.and_then(|m| m.data);
                match map.and_then(|mut data| data.remove(&reference.key)) {
                    Some(text) => text,
                    None => {
                        let (name, key) = (&reference.name, &reference.key);
                        let message = format!(
                            "spec.personality[{i}].configMapRef: create ConfigMap {name:?} with key {key:?} \
                             in namespace {namespace:?}"
                        );
                        return Ok(Err(Missing::new("Ready", "ConfigMapNotFound", message)));
                    }
                }
            }
            _ => {
                let message =
                    format!("spec.personality[{i}]: give exactly one of inline and configMapRef");
                return Ok(Err(Missing::new("Ready", "InvalidSpec", message)));
            }
        };
        // The schema allows 32 parts; their names sort as their numbers do.
        parts.push((format!("{i:02}.md"), text));
    }
    Ok(Ok(parts))
}
