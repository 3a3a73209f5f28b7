//! Reads what the spec points at: Nodes, Secrets, ConfigMaps.

use agentchat_api::{Agent, AgentStatus, EndpointScope, IdentityKind, Node, NodeRole, is_true};
use agentchat_driver::ContainerSpec;
use agentchat_protocol::Identity;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, ResourceExt, api::ListParams};

use super::{
    Missing,
    credentials::{Credential, credential},
    identity,
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
    let node = match place(agent, &nodes, next.node_name.as_deref()) {
        Ok(node) => node,
        Err(missing) => return Ok(Err(missing)),
    };
    next.node_name = Some(node.name_any());
    let server = match server(agent, &nodes) {
        Ok(server) => server,
        Err(missing) => return Ok(Err(missing)),
    };
    let Some(chat_url) = node
        .spec
        .chat_endpoint
        .clone()
        .or_else(|| endpoint(server, EndpointScope::SameEngine))
    else {
        return Ok(Err(server_missing(server)));
    };
    let Some(access) = ServerAccess::read(&context.client, server).await? else {
        return Ok(Err(server_missing(server)));
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
        personality,
        credential,
        identity,
    }))
}

/// The Node to run on: the one named, the one it is on, or the first that will do.
fn place<'a>(agent: &Agent, nodes: &'a [Node], current: Option<&str>) -> Result<&'a Node, Missing> {
    let missing = |reason, message| Missing {
        condition: "Scheduled",
        reason,
        message,
    };
    let wanted = agent.spec.placement.node_name.as_deref();
    let named = |name: &str| {
        nodes
            .iter()
            .find(|n| n.name_any() == name && n.spec.role == NodeRole::Client)
    };
    if let Some(name) = wanted {
        return named(name).ok_or_else(|| {
            missing(
                "NodeNotFound",
                format!("spec.placement.nodeName: there is no Node {name:?} of role Client"),
            )
        });
    }
    if let Some(node) = current.and_then(named) {
        return Ok(node);
    }
    let ready = |n: &&Node| {
        n.spec.role == NodeRole::Client
            && !n.spec.unschedulable
            && n.status
                .as_ref()
                .is_some_and(|s| is_true(&s.conditions, "Ready"))
    };
    nodes.iter().find(ready).ok_or_else(|| {
        missing(
            "NoNode",
            "no Node of role Client is Ready; see `kubectl get nodes.agentchat.dev`".into(),
        )
    })
}

/// The Node of role Server to talk through: the one named, or the only one.
fn server<'a>(agent: &Agent, nodes: &'a [Node]) -> Result<&'a Node, Missing> {
    let missing = |reason, message| Missing {
        condition: "ChatConnected",
        reason,
        message,
    };
    let mut servers = nodes.iter().filter(|n| n.spec.role == NodeRole::Server);
    if let Some(reference) = &agent.spec.chat.server_ref {
        return servers
            .find(|n| n.name_any() == reference.name)
            .ok_or_else(|| {
                let message = format!(
                    "spec.chat.serverRef: there is no Node {:?} of role Server",
                    reference.name
                );
                missing("ServerNotFound", message)
            });
    }
    match (servers.next(), servers.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(missing(
            "ServerNotFound",
            "there is no Node of role Server; apply one".into(),
        )),
        (Some(_), Some(_)) => Err(missing(
            "ServerAmbiguous",
            "there are several Nodes of role Server; say which in spec.chat.serverRef".into(),
        )),
    }
}

fn server_missing(server: &Node) -> Missing {
    Missing {
        condition: "ChatConnected",
        reason: "ServerNotReady",
        message: format!("Node {} has no chat server endpoint yet", server.name_any()),
    }
}

/// The endpoint of a scope in a Node's status.
pub fn endpoint(node: &Node, scope: EndpointScope) -> Option<String> {
    let endpoints = &node.status.as_ref()?.endpoints;
    endpoints
        .iter()
        .find(|e| e.scope == scope)
        .map(|e| e.url.clone())
}

async fn personality(
    agent: &Agent,
    context: &Context,
) -> Result<Result<Vec<(String, String)>, Missing>, Error> {
    let api = Api::<ConfigMap>::namespaced(
        context.client.clone(),
        &agent.namespace().unwrap_or_default(),
    );
    let mut parts = vec![];
    for (i, part) in agent.spec.personality.iter().enumerate() {
        let text = match (&part.inline, &part.config_map_ref) {
            (Some(text), None) => text.clone(),
            (None, Some(reference)) => {
                let map = api.get_opt(&reference.name).await?.and_then(|m| m.data);
                match map.and_then(|mut data| data.remove(&reference.key)) {
                    Some(text) => text,
                    None => return Ok(Err(invalid_part(i, &reference.name, &reference.key))),
                }
            }
            _ => {
                return Ok(Err(Missing {
                    condition: "Ready",
                    reason: "InvalidSpec",
                    message: format!(
                        "spec.personality[{i}]: give exactly one of inline and configMapRef"
                    ),
                }));
            }
        };
        parts.push((format!("{i:02}.md"), text));
    }
    Ok(Ok(parts))
}

fn invalid_part(i: usize, name: &str, key: &str) -> Missing {
    Missing {
        condition: "Ready",
        reason: "ConfigMapNotFound",
        message: format!(
            "spec.personality[{i}].configMapRef: ConfigMap {name:?} with key {key:?} does not exist"
        ),
    }
}

/// Checks that the image is there, and notes its digest.
pub async fn image(
    context: &Context,
    spec: &ContainerSpec,
    next: &mut AgentStatus,
) -> Result<Result<(), Missing>, Error> {
    let Some(id) = context.engine.image_id(&spec.image).await? else {
        return Ok(Err(Missing {
            condition: "ImageReady",
            reason: "ImageNotFound",
            message: format!(
                "image {} is not on the engine; build it with `cargo xtask image`",
                spec.image
            ),
        }));
    };
    let digest = if id.starts_with("sha256:") {
        id
    } else {
        format!("sha256:{id}")
    };
    next.image = Some(format!("{}@{digest}", spec.image));
    Ok(Ok(()))
}
