//! Engines by Node: the Node controller fills the map, everybody else asks it and makes no connection.
//!
//! Two Nodes may lead to one engine: what is done once for each engine (events, containers that nobody wants) goes
//! by the engine's own identity, which [`EngineInfo::id`] gives.

pub mod strays;
pub mod tasks;
pub mod watch;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use agentchat_api::Machine;
use agentchat_driver::{Engine, EngineError, EngineInfo};
use futures::future::BoxFuture;
use k8s_openapi::jiff::Timestamp;

/// Gives the engine behind a Node's machine. Filled by the composition root.
pub trait Machines: Send + Sync + 'static {
    /// Connects to the engine of a machine, or says why there is none. Called again after each failure.
    fn engine<'a>(
        &'a self,
        node: &'a str,
        machine: &'a Machine,
    ) -> BoxFuture<'a, Result<Arc<dyn Engine>, MachineError>>;
}

/// Why a machine gives no engine.
#[derive(Debug, thiserror::Error)]
pub enum MachineError {
    /// This release can't use such a machine.
    #[error("{0}")]
    Unsupported(String),
    /// Its engine does not answer.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// An engine that answered.
#[derive(Clone)]
pub struct Connection {
    /// The engine.
    pub engine: Arc<dyn Engine>,
    /// What it said of itself.
    pub info: EngineInfo,
}

/// How a Node's engine does.
#[derive(Clone)]
pub enum EngineState {
    /// Nothing is known yet.
    Connecting,
    /// It answers.
    Connected(Connection),
    /// It does not answer.
    Unreachable {
        /// Why, for people.
        reason: String,
        /// Since when.
        since: Timestamp,
    },
}

/// Engines by Node.
#[derive(Clone, Default)]
pub struct Engines(Arc<Mutex<BTreeMap<String, EngineState>>>);

impl Engines {
    fn map(&self) -> MutexGuard<'_, BTreeMap<String, EngineState>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the engine of a Node does.
    #[must_use]
    pub fn state(&self, node: &str) -> EngineState {
        let found = self.map().get(node).cloned();
        found.unwrap_or(EngineState::Connecting)
    }

    /// The engine of a Node, when it answers.
    #[must_use]
    pub fn connected(&self, node: &str) -> Option<Connection> {
        match self.state(node) {
            EngineState::Connected(connection) => Some(connection),
            _ => None,
        }
    }

    /// A Node of each engine that answers, the first by name.
    pub(crate) fn one_node_each(&self) -> Vec<String> {
        let mut ids = vec![];
        let mut nodes = vec![];
        for (node, state) in &*self.map() {
            if let EngineState::Connected(connection) = state
                && !ids.contains(&connection.info.id)
            {
                ids.push(connection.info.id.clone());
                nodes.push(node.clone());
            }
        }
        nodes
    }

    /// Nodes that lead to the engine with this identity.
    pub(crate) fn nodes_of(&self, engine_id: &str) -> Vec<String> {
        let leads = |state: &EngineState| matches!(state, EngineState::Connected(c) if c.info.id == engine_id);
        let map = self.map();
        let nodes = map.iter().filter(|(_, state)| leads(state));
        nodes.map(|(node, _)| node.clone()).collect()
    }

    /// Whether a Node has this connection to its engine.
    fn have(&self, engine: &Arc<dyn Engine>) -> bool {
        let has = |state: &EngineState| matches!(state, EngineState::Connected(c) if Arc::ptr_eq(&c.engine, engine));
        self.map().values().any(has)
    }

    /// Notes that a Node's engine answers. True when that is news.
    pub(crate) fn answers(&self, node: &str, connection: Connection) -> bool {
        let id = connection.info.id.clone();
        let state = EngineState::Connected(connection);
        let before = self.map().insert(node.to_owned(), state);
        !matches!(before, Some(EngineState::Connected(old)) if old.info.id == id)
    }

    /// Notes that a Node's engine does not answer; since when is kept. True when that is news.
    pub(crate) fn fails(&self, node: &str, reason: String, now: Timestamp) -> bool {
        let mut map = self.map();
        let before = map.get(node);
        let since = match before {
            Some(EngineState::Unreachable { since, .. }) => *since,
            _ => now,
        };
        let news = !matches!(before, Some(EngineState::Unreachable { .. }));
        let state = EngineState::Unreachable { reason, since };
        map.insert(node.to_owned(), state);
        news
    }

    /// Forgets a Node that is gone.
    pub(crate) fn forget(&self, node: &str) {
        self.map().remove(node);
    }
}

#[cfg(test)]
mod tests {
    use agentchat_driver::FakeEngine;

    use super::*;

    async fn connection(id: &str) -> Connection {
        let engine = Arc::new(FakeEngine::named(id, "swarm", &[]));
        let info = engine.info().await.unwrap();
        Connection { engine, info }
    }

    #[tokio::test]
    async fn two_nodes_on_one_engine_are_one_engine() {
        let engines = Engines::default();
        assert!(engines.answers("b", connection("one").await));
        assert!(engines.answers("a", connection("one").await));
        assert!(engines.answers("c", connection("two").await));
        assert_eq!(engines.one_node_each(), ["a", "c"]);
        assert_eq!(engines.nodes_of("one"), ["a", "b"]);
    }

    #[tokio::test]
    async fn only_a_change_is_news() {
        let engines = Engines::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        assert!(engines.answers("a", connection("one").await));
        assert!(!engines.answers("a", connection("one").await));
        assert!(
            engines.answers("a", connection("two").await),
            "another engine"
        );
        assert!(engines.fails("a", "x".into(), at(1)));
        assert!(!engines.fails("a", "y".into(), at(2)));
        let state = engines.state("a");
        assert!(matches!(state, EngineState::Unreachable { since, .. } if since == at(1)));
        engines.forget("a");
        assert!(matches!(engines.state("a"), EngineState::Connecting));
    }
}
