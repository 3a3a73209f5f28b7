//! What has which object looked at again.
//!
//! Triggers carry no payload: a reconcile reads what it needs by itself. A controller's own writes to a
//! status trigger nothing.

use std::{
    fmt::Debug,
    hash::{DefaultHasher, Hash, Hasher},
};

use agentchat_api::{Agent, DEFAULT_CREDENTIALS, Node, identity_secret, is_true};
use futures::Stream;
use kube::{
    Api, Resource, ResourceExt,
    runtime::{
        Controller, WatchStreamExt,
        reflector::{ObjectRef, Store, store},
        watcher,
    },
};
use serde::de::DeserializeOwned;

/// A controller whose objects are looked at when what people declare changes.
pub fn controller<K>(api: Api<K>) -> (Controller<K>, Store<K>)
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
{
    let (reader, writer) = store();
    let declared = watcher(api, watcher::Config::default())
        .default_backoff()
        .reflect(writer)
        .applied_objects()
        .predicate_filter(declared, Default::default());
    (Controller::for_stream(declared, reader.clone()), reader)
}

/// The Nodes, each time that something of one changes which agents depend on.
pub fn nodes(api: Api<Node>) -> impl Stream<Item = Result<Node, watcher::Error>> + Send {
    watcher(api, watcher::Config::default())
        .default_backoff()
        .touched_objects()
        .predicate_filter(published, Default::default())
}

/// All Agents.
pub fn all(agents: &Store<Agent>) -> Vec<ObjectRef<Agent>> {
    select(agents, |_| true)
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

/// What people declare, and the finalizer bookkeeping.
fn declared<K: Resource>(object: &K) -> Option<u64> {
    let meta = object.meta();
    let gone = meta.deletion_timestamp.as_ref().map(|t| t.0.to_string());
    Some(hash(&(meta.generation, &meta.finalizers, gone)))
}

/// What agents depend on in a Node; each change of one that is being deleted.
fn published(node: &Node) -> Option<u64> {
    let status = node.status.clone().unwrap_or_default();
    let is = |type_| is_true(&status.conditions, type_);
    let ends: Vec<_> = status.endpoints.iter().map(|e| &e.url).collect();
    let going = node.metadata.deletion_timestamp.is_some();
    Some(hash(&(
        node.metadata.generation,
        going.then(|| node.resource_version()),
        ends,
        &status.ca_bundle,
        (is("Ready"), is("ServerReady")),
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
