//! Which Node an agent runs on, and through which one it talks.

use std::sync::Arc;

use agentchat_api::{
    Agent, ConditionType, Endpoint, EndpointScope, IdentityKind, Node, NodeRole, Reason,
    ServerProfile, find_condition, is_true,
};
use kube::ResourceExt;

use super::{Bound, UnmetPrecondition};
use crate::{agent::dereference::Dereferenced, chat::ServerAccess};

/// Where an agent runs, and through which server it talks.
pub struct Placement {
    /// Node to run on.
    pub node: String,
    /// URL of the chat server, as the agent's container reaches it.
    pub chat_url: String,
    /// The same server, as the operator reaches it.
    pub server: ServerAccess,
    /// Why that server can't take anybody now, if it can't.
    pub server_unready: Option<UnmetPrecondition>,
}

/// Chooses both.
pub fn place(
    agent: &Agent,
    found: &Dereferenced,
    bound: Option<&Bound>,
) -> Result<Placement, UnmetPrecondition> {
    let node = select_node(agent, &found.nodes, bound)?;
    let server = select_server(agent, &found.nodes)?;
    check_admission(agent, server)?;
    let chat_url = chat_url(node, server);
    let access = found.servers.get(&server.name_any());
    let (Some(chat_url), Some(access)) = (chat_url, access) else {
        return Err(unpublished(server));
    };
    Ok(Placement {
        node: node.name_any(),
        chat_url,
        server: access.clone(),
        server_unready: server_unready(server),
    })
}

/// The Node to run on: the one named, the one it is on, or the first that will do.
fn select_node<'a>(
    agent: &Agent,
    nodes: &'a [Arc<Node>],
    bound: Option<&Bound>,
) -> Result<&'a Node, UnmetPrecondition> {
    let unmet =
        |reason, message: String| UnmetPrecondition::new(ConditionType::Scheduled, reason, message);
    let named = |name: &str| {
        let will_do = |n: &&Arc<Node>| n.name_any() == name && n.spec.role == NodeRole::Client;
        nodes.iter().find(will_do)
    };
    let current = bound.filter(|b| !b.given_up).map(|b| b.node.as_str());
    let node = match agent.spec.placement.node_name.as_deref() {
        Some(name) => named(name).ok_or_else(|| {
            let message = format!(
                "spec.placement.nodeName: there is no Node {name:?} of role Client; apply one, or name another"
            );
            unmet(Reason::NodeNotFound, message)
        })?,
        None => current
            .and_then(named)
            .or_else(|| nodes.iter().find(|n| is_open(n)))
            .ok_or_else(|| {
                let message = "no Node of role Client is Ready; apply one, or see why in \
                               `kubectl get nodes.agentchat.dev`";
                unmet(Reason::NoNode, message.into())
            })?,
    };
    let name = node.name_any();
    if node.spec.machine.local.is_none() {
        let message = format!("Node {name} has no machine that this release can use");
        return Err(unmet(Reason::NodeNotUsable, message));
    }
    // What runs there may stay until it is told to go; nothing new goes there.
    if node.metadata.deletion_timestamp.is_some() && current != Some(name.as_str()) {
        let message =
            format!("Node {name} is being deleted; name another in spec.placement.nodeName");
        return Err(unmet(Reason::NodeNotUsable, message));
    }
    Ok(node)
}

/// Whether new agents may be placed on a Node.
fn is_open(node: &Node) -> bool {
    node.spec.role == NodeRole::Client
        && !node.spec.unschedulable
        && node.metadata.deletion_timestamp.is_none()
        && is_true(conditions(node), ConditionType::Ready)
}

fn conditions(node: &Node) -> &[k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition] {
    node.status
        .as_ref()
        .map_or(&[], |status| status.conditions.as_slice())
}

/// The Node of role Server to talk through: the one named, or the only one that is to stay.
pub fn select_server<'a>(
    agent: &Agent,
    nodes: &'a [Arc<Node>],
) -> Result<&'a Node, UnmetPrecondition> {
    let unmet = |reason, message: String| {
        UnmetPrecondition::new(ConditionType::ChatConnected, reason, message)
    };
    let mut servers: Vec<_> = nodes
        .iter()
        .filter(|n| n.spec.role == NodeRole::Server)
        .collect();
    if let Some(reference) = &agent.spec.chat.server_ref {
        let named = servers.into_iter().find(|n| n.name_any() == reference.name);
        return named.map(|node| &**node).ok_or_else(|| {
            let message = format!(
                "spec.chat.serverRef: there is no Node {:?} of role Server; apply one, or name another",
                reference.name
            );
            unmet(Reason::ServerNotFound, message)
        });
    }
    let stays = |n: &&Arc<Node>| n.metadata.deletion_timestamp.is_none();
    if servers.iter().any(stays) {
        servers.retain(stays);
    }
    match servers[..] {
        [only] => Ok(only),
        [] => Err(unmet(
            Reason::ServerNotFound,
            "there is no Node of role Server; apply one".into(),
        )),
        _ => Err(unmet(
            Reason::ServerAmbiguous,
            "there are several Nodes of role Server; say which in spec.chat.serverRef".into(),
        )),
    }
}

/// Whether the server admits what the agent comes as.
fn check_admission(agent: &Agent, server: &Node) -> Result<(), UnmetPrecondition> {
    let profile = server.spec.server.as_ref().map(|s| s.profile);
    match (agent.spec.chat.identity, profile.unwrap_or_default()) {
        (IdentityKind::Ephemeral, ServerProfile::Private) => {
            let message = format!(
                "Node {} admits approved keys only, and an agent of chat.identity Ephemeral has none; \
                 set spec.chat.identity to Persistent, or the Node's spec.server.profile to public",
                server.name_any()
            );
            Err(UnmetPrecondition::new(
                ConditionType::ChatConnected,
                Reason::IdentityRequired,
                message,
            ))
        }
        _ => Ok(()),
    }
}

/// Why the server can't take anybody now; `None` when it can.
fn server_unready(server: &Node) -> Option<UnmetPrecondition> {
    let why = find_condition(conditions(server), ConditionType::ServerReady);
    if why.is_some_and(|c| c.status == "True") {
        return None;
    }
    let why = why.map_or("it was not reached yet", |c| c.message.as_str());
    let message = format!(
        "the chat server of Node {} is not ready: {why}",
        server.name_any()
    );
    Some(UnmetPrecondition::new(
        ConditionType::ChatConnected,
        Reason::ServerNotReady,
        message,
    ))
}

/// The server has not said how it is reached.
fn unpublished(server: &Node) -> UnmetPrecondition {
    let message = format!(
        "Node {} has not published yet how its chat server is reached; see its conditions",
        server.name_any()
    );
    UnmetPrecondition::new(
        ConditionType::ChatConnected,
        Reason::ServerNotReady,
        message,
    )
}

/// How a Node's agents reach a server: as their Node says, by the network of the engine that both have, or as from
/// everywhere.
fn chat_url(node: &Node, server: &Node) -> Option<String> {
    if let Some(given) = &node.spec.chat_endpoint {
        return Some(given.clone());
    }
    let engine = |node: &Node| {
        let info = node.status.as_ref()?.node_info.as_ref()?;
        Some(info.engine_id.clone()).filter(|id| !id.is_empty())
    };
    let same = engine(node).is_some_and(|id| engine(server) == Some(id));
    let endpoints = &server.status.as_ref()?.endpoints;
    let of = |scope| endpoints.iter().find(|e: &&Endpoint| e.scope == scope);
    let endpoint = of(EndpointScope::SameEngine)
        .filter(|_| same)
        .or_else(|| of(EndpointScope::Network))?;
    Some(endpoint.url.clone())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn node(name: &str, role: &str, metadata: Value) -> Arc<Node> {
        let mut metadata = metadata;
        metadata["name"] = name.into();
        let ready = json!([{"type": "Ready", "status": "True", "reason": "Ready", "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z"}]);
        let value = json!({"apiVersion": "agentchat.dev/v1alpha1", "kind": "Node", "metadata": metadata,
            "spec": {"role": role, "machine": {"local": {}}}, "status": {"conditions": ready}});
        Arc::new(serde_json::from_value(value).unwrap())
    }

    fn going() -> Value {
        json!({"deletionTimestamp": "2026-01-01T00:00:00Z"})
    }

    fn agent(spec: Value) -> Agent {
        let mut spec = spec;
        spec["mission"] = "x".into();
        let value = json!({"apiVersion": "agentchat.dev/v1alpha1", "kind": "Agent",
            "metadata": {"name": "ada"}, "spec": spec});
        serde_json::from_value(value).unwrap()
    }

    fn name(found: Result<&Node, UnmetPrecondition>) -> Result<String, Reason> {
        found.map(ResourceExt::name_any).map_err(|m| m.reason)
    }

    fn on(node: &str) -> Option<Bound> {
        let node = node.to_owned();
        Some(Bound {
            node,
            given_up: false,
        })
    }

    #[test]
    fn node_being_deleted_keeps_its_agents_and_gets_no_new_ones() {
        let nodes = [node("a", "Client", going()), node("b", "Client", json!({}))];
        let (any, on_a) = (
            agent(json!({})),
            agent(json!({"placement": {"nodeName": "a"}})),
        );
        assert_eq!(name(select_node(&any, &nodes, None)), Ok("b".into()));
        assert_eq!(
            name(select_node(&any, &nodes, on("a").as_ref())),
            Ok("a".into())
        );
        assert_eq!(
            name(select_node(&on_a, &nodes, on("a").as_ref())),
            Ok("a".into())
        );
        assert_eq!(
            name(select_node(&on_a, &nodes, on("b").as_ref())),
            Err(Reason::NodeNotUsable)
        );
    }

    #[test]
    fn node_without_a_usable_machine_is_refused() {
        let mut lima = node("a", "Client", json!({}));
        Arc::make_mut(&mut lima).spec.machine.local = None;
        let on_a = agent(json!({"placement": {"nodeName": "a"}}));
        let found = select_node(&on_a, std::slice::from_ref(&lima), None);
        assert_eq!(name(found), Err(Reason::NodeNotUsable));
    }

    #[test]
    fn only_server_that_stays_is_selected() {
        let (old, new) = (
            node("old", "Server", going()),
            node("new", "Server", json!({})),
        );
        let any = agent(json!({}));
        let both = [old.clone(), new];
        assert_eq!(name(select_server(&any, &both)), Ok("new".into()));
        assert_eq!(name(select_server(&any, &[old])), Ok("old".into()));
        assert_eq!(name(select_server(&any, &[])), Err(Reason::ServerNotFound));
        let named = agent(json!({"chat": {"serverRef": {"name": "old"}}}));
        assert_eq!(name(select_server(&named, &both)), Ok("old".into()));
    }

    #[test]
    fn ephemeral_identity_is_refused_by_a_private_server() {
        let nobody = agent(json!({"chat": {"identity": "Ephemeral"}}));
        let mut server = node("s", "Server", json!({}));
        let refused = check_admission(&nobody, &server).unwrap_err();
        assert_eq!(refused.reason, Reason::IdentityRequired);
        assert!(refused.message.contains("Persistent"), "{refused:?}");
        assert!(check_admission(&agent(json!({})), &server).is_ok());
        Arc::make_mut(&mut server).spec.server =
            serde_json::from_value(json!({"profile": "public"})).unwrap();
        assert!(check_admission(&nobody, &server).is_ok());
    }
}
