//! What has which object looked at again.
//!
//! Triggers carry no payload: a reconcile reads what it needs by itself. A controller's own writes to a
//! status trigger nothing.

use std::hash::{DefaultHasher, Hash, Hasher};

use agentchat_api::{
    Agent, ConditionType, DEFAULT_CREDENTIALS, Node, NodeRole, identity_secret, is_true,
};
use futures::Stream;
use kube::{
    Resource, ResourceExt,
    runtime::{
        WatchStreamExt,
        reflector::{ObjectRef, Store},
        watcher,
    },
};

/// What of objects concerns their own controller: what people declare changes.
pub fn declared_changes<K>(
    events: impl Stream<Item = watcher::Result<watcher::Event<K>>> + Send + 'static,
) -> impl Stream<Item = watcher::Result<K>> + Send + 'static
where
    K: Resource<DynamicType = ()> + Clone + Send + 'static,
{
    events
        .applied_objects()
        .predicate_filter(declared, Default::default())
}

/// The Nodes, each time that something of one changes which agents depend on.
pub fn published_changes(
    events: impl Stream<Item = watcher::Result<watcher::Event<Node>>> + Send + 'static,
) -> impl Stream<Item = watcher::Result<Node>> + Send + 'static {
    events
        .touched_objects()
        .predicate_filter(published, Default::default())
}

/// Agents that a Node concerns: those that are on it or are to be, those that talk through it, and those that wait
/// for any Node.
pub fn by_node(agents: &Store<Agent>, node: &Node) -> Vec<ObjectRef<Agent>> {
    let name = node.name_any();
    let is_server = node.spec.role == NodeRole::Server;
    select(agents, |agent| {
        let bound = agent.status.as_ref().and_then(|s| s.node_name.as_deref());
        let named = agent.spec.placement.node_name.as_deref();
        is_server || bound.is_none() || bound == Some(&name) || named == Some(&name)
    })
}

/// Agents that take something from a Secret.
pub fn by_secret(
    agents: &Store<Agent>,
    namespace: Option<&str>,
    name: &str,
) -> Vec<ObjectRef<Agent>> {
    select(agents, |agent| {
        agent.namespace().as_deref() == namespace && takes_from_secret(agent, name)
    })
}

/// Agents that take something from a ConfigMap.
pub fn by_config_map(
    agents: &Store<Agent>,
    namespace: Option<&str>,
    name: &str,
) -> Vec<ObjectRef<Agent>> {
    select(agents, |agent| {
        agent.namespace().as_deref() == namespace && takes_from_config_map(agent, name)
    })
}

fn select(agents: &Store<Agent>, of: impl Fn(&Agent) -> bool) -> Vec<ObjectRef<Agent>> {
    let all = agents.state();
    let chosen = all.iter().filter(|agent| of(agent));
    chosen.map(|agent| ObjectRef::from_obj(&**agent)).collect()
}

fn takes_from_secret(agent: &Agent, name: &str) -> bool {
    let own = identity_secret(&agent.name_any()) == name;
    let named: Vec<_> = agent
        .spec
        .credentials
        .iter()
        .flat_map(|c| [&c.oauth_token, &c.api_key])
        .flatten()
        .map(|value| value.secret_key_ref.name.as_str())
        .collect();
    own || named.contains(&name) || (named.is_empty() && name == DEFAULT_CREDENTIALS)
}

fn takes_from_config_map(agent: &Agent, name: &str) -> bool {
    let parts = agent.spec.personality.iter();
    parts
        .filter_map(|part| part.config_map_ref.as_ref())
        .any(|reference| reference.name == name)
}

/// What people declare, our annotations among it, and the finalizer bookkeeping.
fn declared<K: Resource>(object: &K) -> Option<u64> {
    let meta = object.meta();
    let gone = meta.deletion_timestamp.as_ref().map(|t| t.0.to_string());
    let own = |key: &str| key.starts_with("agentchat.dev/");
    let annotations = meta.annotations.iter().flatten();
    let annotations: Vec<_> = annotations.filter(|(key, _)| own(key)).collect();
    Some(hash(&(
        meta.generation,
        &meta.finalizers,
        gone,
        annotations,
    )))
}

/// What agents depend on in a Node; each change of one that is being deleted.
fn published(node: &Node) -> Option<u64> {
    let status = node.status.clone().unwrap_or_default();
    let is = |type_| is_true(&status.conditions, type_);
    let ends: Vec<_> = status.endpoints.iter().map(|e| &e.url).collect();
    let going = node.metadata.deletion_timestamp.is_some();
    let engine = status.node_info.as_ref().map(|info| &info.engine_id);
    Some(hash(&(
        node.metadata.generation,
        node.annotations().get(agentchat_api::ABANDON_ANNOTATION),
        engine,
        going.then(|| node.resource_version()),
        ends,
        &status.ca_bundle,
        (is(ConditionType::Ready), is(ConditionType::ServerReady)),
    )))
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn agent(spec: serde_json::Value) -> Agent {
        let mut spec = spec;
        spec["mission"] = "x".into();
        let value = json!({"apiVersion": "agentchat.dev/v1alpha1", "kind": "Agent",
            "metadata": {"name": "ada", "generation": 1}, "spec": spec});
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn only_what_an_agent_takes_something_from_wakes_it() {
        let plain = agent(json!({}));
        assert!(takes_from_secret(&plain, "claude") && takes_from_secret(&plain, "ada-identity"));
        assert!(!takes_from_secret(&plain, "sam-identity"));
        let key = json!({"credentials": {"apiKey": {"secretKeyRef": {"name": "own", "key": "k"}}}});
        let own = agent(key);
        assert!(takes_from_secret(&own, "own") && !takes_from_secret(&own, "claude"));
        let part = json!({"personality": [{"configMapRef": {"name": "p", "key": "k"}}]});
        assert!(takes_from_config_map(&agent(part), "p"));
        assert!(!takes_from_config_map(&plain, "p"));
    }

    #[test]
    fn ones_own_status_is_no_reason_to_look() {
        let mut ada = agent(json!({}));
        let before = declared(&ada);
        ada.status = Some(serde_json::from_value(json!({"phase": "Running"})).unwrap());
        ada.metadata.resource_version = Some("7".into());
        assert_eq!(declared(&ada), before);
        ada.metadata.finalizers = Some(vec!["f".into()]);
        assert_ne!(declared(&ada), before);
    }
}
