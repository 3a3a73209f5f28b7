//! Which engines have a task that watches them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use agentchat_driver::Engine;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Connection, Engines};

/// The tasks, by the engine's identity. One ends when its entry goes.
#[derive(Default)]
pub struct EngineTasks(Mutex<HashMap<String, Task>>);

struct Task {
    engine: Arc<dyn Engine>,
    _guard: DropGuard,
}

impl EngineTasks {
    /// Ends the tasks of connections that no Node has any more, and begins one for the engine of this connection
    /// unless it has one: the token ends it.
    pub fn begin(
        &self,
        engines: &Engines,
        connection: &Connection,
        shutdown: &CancellationToken,
    ) -> Option<CancellationToken> {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.retain(|_, task| engines.have(&task.engine));
        let id = &connection.info.id;
        if tasks.contains_key(id) {
            return None;
        }
        let token = shutdown.child_token();
        let task = Task {
            engine: connection.engine.clone(),
            _guard: token.clone().drop_guard(),
        };
        tasks.insert(id.clone(), task);
        Some(token)
    }
}

#[cfg(test)]
mod tests {
    use agentchat_driver::FakeEngine;

    use super::*;

    async fn connect(id: &str) -> Connection {
        let engine = Arc::new(FakeEngine::named(id, "swarm", &[]));
        let info = engine.info().await.unwrap();
        Connection { engine, info }
    }

    #[tokio::test]
    async fn engine_has_one_task_and_a_new_one_after_every_node_connected_anew() {
        let (tasks, engines) = (EngineTasks::default(), Engines::default());
        let shutdown = CancellationToken::new();
        let (first, second) = (connect("one").await, connect("one").await);
        engines.answers("a", first.clone());
        let token = tasks.begin(&engines, &first, &shutdown).unwrap();
        engines.answers("b", second.clone());
        assert!(tasks.begin(&engines, &second, &shutdown).is_none());
        assert!(!token.is_cancelled(), "node a still has that connection");
        engines.answers("a", second.clone());
        assert!(tasks.begin(&engines, &second, &shutdown).is_some());
        assert!(
            token.is_cancelled(),
            "a connection that nobody has is watched"
        );
    }
}
