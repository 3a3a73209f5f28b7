//! What the operator knows of running containers between two looks. All of it can be lost: it is rebuilt
//! from the engine and from the containers' own reports.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use agentchat_contract::State;

/// One agent's part.
#[derive(Default)]
pub struct Entry {
    /// The run that `delivered`, `state` and `following` speak of.
    pub run: String,
    /// Digest of the last delivery into it.
    pub delivered: Option<String>,
    /// The last report from it; untrusted.
    pub state: Option<State>,
    /// Whether a task follows its reports.
    pub following: bool,
    /// Container starts in a row without a stable run between.
    pub consecutive_restarts: u32,
}

/// All agents' parts, by namespace and name.
#[derive(Default)]
pub struct Live(Mutex<HashMap<(String, String), Entry>>);

impl Live {
    fn map(&self) -> MutexGuard<'_, HashMap<(String, String), Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works on one agent's part; it is made when absent.
    pub fn with<T>(&self, key: &(String, String), f: impl FnOnce(&mut Entry) -> T) -> T {
        f(self.map().entry(key.clone()).or_default())
    }

    /// Turns to a run: another run than before starts with nothing delivered and no report.
    pub fn enter(&self, key: &(String, String), run: &str) {
        self.with(key, |entry| {
            if entry.run != run {
                let consecutive_restarts = entry.consecutive_restarts;
                *entry = Entry {
                    run: run.to_owned(),
                    consecutive_restarts,
                    ..Entry::default()
                };
            }
        });
    }

    /// Forgets one agent.
    pub fn forget(&self, key: &(String, String)) {
        self.map().remove(key);
    }
}
