//! Which Node an agent runs on, and through which one it talks.

use agentchat_api::{Agent, EndpointScope, IdentityKind, Node, NodeRole, ServerProfile, is_true};
use kube::ResourceExt;

use super::Missing;

/// The Node to run on: the one named, the one it is on, or the first that will do.
pub fn place<'a>(
    agent: &Agent,
    nodes: &'a [Node],
    current: Option<&str>,
) -> Result<&'a Node, Missing> {
    let missing = |reason, message| Missing::new("Scheduled", reason, message);
    let named = |name: &str| {
        nodes
            .iter()
            .find(|n| n.name_any() == name && n.spec.role == NodeRole::Client)
    };
    let wanted = agent.spec.placement.node_name.as_deref();
    let node = match wanted {
        Some(name) => named(name).ok_or_else(|| {
            let message = format!(
                "spec.placement.nodeName: there is no Node {name:?} of role Client; apply one, or name another"
            );
            missing("NodeNotFound", message)
        })?,
        None => current
            .and_then(named)
            .or_else(|| nodes.iter().find(|n| is_open(n)))
            .ok_or_else(|| {
                let message = "no Node of role Client is Ready; apply one, or see why in `kubectl get nodes.agentchat.dev`";
                missing("NoNode", message.into())
            })?,
    };
    let name = node.name_any();
    if node.spec.machine.local.is_none() {
        let message = format!("Node {name} has no machine that this release can use");
        return Err(missing("NodeNotUsable", message));
    }
    // What runs there may stay until it is told to go; nothing new goes there.
    if node.metadata.deletion_timestamp.is_some() && current != Some(name.as_str()) {
        let message =
            format!("Node {name} is being deleted; name another in spec.placement.nodeName");
        return Err(missing("NodeNotUsable", message));
    }
    Ok(node)
}

/// Whether new agents may be placed on a Node.
fn is_open(node: &Node) -> bool {
    let ready = |s: &agentchat_api::NodeStatus| is_true(&s.conditions, "Ready");
    node.spec.role == NodeRole::Client
        && !node.spec.unschedulable
        && node.metadata.deletion_timestamp.is_none()
        && node.status.as_ref().is_some_and(ready)
}

/// The Node of role Server to talk through: the one named, or the only one that is to stay.
pub fn server<'a>(agent: &Agent, nodes: &'a [Node]) -> Result<&'a Node, Missing> {
    let missing = |reason, message| Missing::new("ChatConnected", reason, message);
    let mut servers: Vec<_> = nodes
        .iter()
        .filter(|n| n.spec.role == NodeRole::Server)
        .collect();
    if let Some(reference) = &agent.spec.chat.server_ref {
        let named = servers.into_iter().find(|n| n.name_any() == reference.name);
        return named.ok_or_else(|| {
            let message = format!(
                "spec.chat.serverRef: there is no Node {:?} of role Server; apply one, or name another",
                reference.name
            );
            missing("ServerNotFound", message)
        });
    }
    let stays = |n: &&Node| n.metadata.deletion_timestamp.is_none();
    if servers.iter().any(stays) {
        servers.retain(stays);
    }
    match servers[..] {
        [only] => Ok(only),
        [] => Err(missing(
            "ServerNotFound",
            "there is no Node of role Server; apply one".into(),
        )),
        _ => Err(missing(
            "ServerAmbiguous",
            "there are several Nodes of role Server; say which in spec.chat.serverRef".into(),
        )),
    }
}

/// Whether the server lets in what the agent comes as.
pub fn admissible(agent: &Agent, server: &Node) -> Result<(), Missing> {
    let profile = server.spec.server.as_ref().map(|s| s.profile);
    match (agent.spec.chat.identity, profile.unwrap_or_default()) {
        (IdentityKind::Ephemeral, ServerProfile::Private) => {
            let message = format!(
                "Node {} lets in approved keys only, and an agent of chat.identity Ephemeral has none; \
                 set spec.chat.identity to Persistent, or the Node's spec.server.profile to public",
                server.name_any()
            );
            Err(Missing::new("ChatConnected", "IdentityRequired", message))
        }
        _ => Ok(()),
    }
}

/// Why the server can't take anybody now; `None` when it can.
pub fn server_trouble(server: &Node) -> Option<Missing> {
    let conditions = server.status.as_ref().map(|s| s.conditions.as_slice());
    let conditions = conditions.unwrap_or_default();
    if is_true(conditions, "ServerReady") {
        return None;
    }
    let why = conditions.iter().find(|c| c.type_ == "ServerReady");
    let why = why.map_or("it was not reached yet", |c| c.message.as_str());
    let message = format!(
        "the chat server of Node {} is not ready: {why}",
        server.name_any()
    );
    Some(Missing::new("ChatConnected", "ServerNotReady", message))
}

/// The endpoint of a scope in a Node's status.
pub fn endpoint(node: &Node, scope: EndpointScope) -> Option<String> {
    let endpoints = &node.status.as_ref()?.endpoints;
    endpoints
        .iter()
        .find(|e| e.scope == scope)
        .map(|e| e.url.clone())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn node(name: &str, role: &str, metadata: Value) -> Node {
        let mut metadata = metadata;
        metadata["name"] = name.into();
        let ready = json!([{"type": "Ready", "status": "True", "reason": "Ready", "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z"}]);
        let value = json!({"apiVersion": "agentchat.dev/v1alpha1", "kind": "Node", "metadata": metadata,
            "spec": {"role": role, "machine": {"local": {}}}, "status": {"conditions": ready}});
        serde_json::from_value(value).unwrap()
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

    fn name(found: Result<&Node, Missing>) -> Result<String, &'static str> {
        found.map(ResourceExt::name_any).map_err(|m| m.reason)
    }

    #[test]
    fn a_node_that_goes_keeps_its_agents_and_gets_no_new_ones() {
        let nodes = [node("a", "Client", going()), node("b", "Client", json!({}))];
        let (any, on_a) = (
            agent(json!({})),
            agent(json!({"placement": {"nodeName": "a"}})),
        );
        assert_eq!(name(place(&any, &nodes, None)), Ok("b".into()));
        assert_eq!(name(place(&any, &nodes, Some("a"))), Ok("a".into()));
        assert_eq!(name(place(&on_a, &nodes, Some("a"))), Ok("a".into()));
        assert_eq!(name(place(&on_a, &nodes, Some("b"))), Err("NodeNotUsable"));
    }

    #[test]
    fn a_machine_that_can_not_be_used_is_not() {
        let mut lima = node("a", "Client", json!({}));
        lima.spec.machine.local = None;
        let on_a = agent(json!({"placement": {"nodeName": "a"}}));
        let found = place(&on_a, std::slice::from_ref(&lima), None);
        assert_eq!(name(found), Err("NodeNotUsable"));
    }

    #[test]
    fn the_only_server_that_stays_is_the_one() {
        let (old, new) = (
            node("old", "Server", going()),
            node("new", "Server", json!({})),
        );
        let any = agent(json!({}));
        let both = [old.clone(), new];
        assert_eq!(name(server(&any, &both)), Ok("new".into()));
        assert_eq!(name(server(&any, &[old])), Ok("old".into()));
        assert_eq!(name(server(&any, &[])), Err("ServerNotFound"));
        let named = agent(json!({"chat": {"serverRef": {"name": "old"}}}));
        assert_eq!(name(server(&named, &both)), Ok("old".into()));
    }

    #[test]
    fn who_has_no_key_does_not_get_into_a_private_server() {
        let nobody = agent(json!({"chat": {"identity": "Ephemeral"}}));
        let mut server = node("s", "Server", json!({}));
        let refused = admissible(&nobody, &server).unwrap_err();
        assert_eq!(refused.reason, "IdentityRequired");
        assert!(refused.message.contains("Persistent"), "{refused:?}");
        assert!(admissible(&agent(json!({})), &server).is_ok());
        server.spec.server = serde_json::from_value(json!({"profile": "public"})).unwrap();
        assert!(admissible(&nobody, &server).is_ok());
    }
}
