//! What the operator knows of agents between two looks. All of it can be lost: it is rebuilt from the API,
//! from the engine and from the containers' own reports. Only a back-off starts over then.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use agentchat_api::AgentStatus;
use agentchat_contract::State;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Namespace and name of an Agent.
pub type Key = (String, String);

/// What was heard from a run.
#[derive(Clone, Debug, Default)]
pub enum Report {
    /// Nothing since the operator was started.
    #[default]
    NotYet,
    /// The last report; untrusted.
    Known(Box<State>),
    /// It reported once, or should have, and is silent.
    Lost,
}

impl Report {
    /// The last report, unless it is lost.
    pub fn state(&self) -> Option<&State> {
        match self {
            Self::Known(state) => Some(state),
            _ => None,
        }
    }
}

/// A status that was written, and the revision of the object that it made.
pub struct Written {
    /// UID of the object.
    pub uid: Option<String>,
    /// Its revision.
    pub revision: u64,
    /// What it says since then.
    pub status: AgentStatus,
}

/// One agent's part.
#[derive(Default)]
pub struct Entry {
    /// The run that `delivered`, `report` and the follower speak of.
    pub run: String,
    /// Digest of the last delivery into it.
    pub delivered: Option<String>,
    /// What was heard from it.
    pub report: Report,
    follower: Option<DropGuard>,
    /// The run that was last asked to stop.
    pub stopped: Option<String>,
    /// A container, and its restarts in a row without a stable run between.
    pub restarts_in_a_row: (String, u32),
    /// The last status written: the watch may be late to tell of it.
    pub written: Option<Written>,
    /// Reconciles that failed, in a row.
    pub failures: u32,
}

impl Entry {
    /// Turns to a run: another run than before starts with nothing delivered, no report and no follower.
    pub fn enter(&mut self, run: &str) {
        if self.run != run {
            run.clone_into(&mut self.run);
            self.delivered = None;
            self.report = Report::NotYet;
            self.follower = None;
        }
    }

    /// Whether a task is to be started that follows the current run: the token ends it.
    pub fn begin_following(&mut self, shutdown: &CancellationToken) -> Option<CancellationToken> {
        if self.follower.is_some() {
            return None;
        }
        let token = shutdown.child_token();
        self.follower = Some(token.clone().drop_guard());
        Some(token)
    }

    /// Ends the task that follows, if one does.
    pub fn end_following(&mut self) {
        self.follower = None;
    }
}

/// All agents' parts.
#[derive(Default)]
pub struct Live(Mutex<HashMap<Key, Entry>>);

impl Live {
    fn map(&self) -> MutexGuard<'_, HashMap<Key, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works on one agent's part; it is made when absent. For reconciles only: who comes late must not
    /// bring back what was forgotten.
    pub fn with<T>(&self, key: &Key, f: impl FnOnce(&mut Entry) -> T) -> T {
        f(self.map().entry(key.clone()).or_default())
    }

    /// Works on one agent's part as long as `run` is its run.
    pub fn during<T>(&self, key: &Key, run: &str, f: impl FnOnce(&mut Entry) -> T) -> Option<T> {
        self.map().get_mut(key).filter(|e| e.run == run).map(f)
    }

    /// Forgets one agent; what follows it ends.
    pub fn forget(&self, key: &Key) {
        self.map().remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        ("default".into(), "ada".into())
    }

    #[test]
    fn a_run_is_followed_once_and_no_longer_than_it_lasts() {
        let (live, shutdown) = (Live::default(), CancellationToken::new());
        let begin = |run: &str| {
            live.with(&key(), |entry| {
                entry.enter(run);
                entry.begin_following(&shutdown)
            })
        };
        let first = begin("1").unwrap();
        assert!(begin("1").is_none(), "followed twice");
        assert!(!first.is_cancelled());
        let second = begin("2").unwrap();
        assert!(first.is_cancelled(), "follows a run that was replaced");
        live.forget(&key());
        assert!(second.is_cancelled(), "follows an agent that is gone");
        let third = begin("3").unwrap();
        shutdown.cancel();
        assert!(third.is_cancelled(), "outlives the operator");
    }

    #[test]
    fn who_comes_late_brings_nothing_back() {
        let live = Live::default();
        live.with(&key(), |entry| entry.enter("1"));
        assert!(live.during(&key(), "1", |_| ()).is_some());
        assert!(live.during(&key(), "0", |_| ()).is_none());
        live.forget(&key());
        assert!(live.during(&key(), "1", |_| ()).is_none());
        assert!(live.map().is_empty());
    }

    #[test]
    fn a_new_run_starts_with_nothing() {
        let live = Live::default();
        live.with(&key(), |entry| {
            entry.enter("1");
            entry.delivered = Some("d".into());
            entry.report = Report::Known(Box::default());
            entry.enter("1");
            assert!(entry.delivered.is_some() && entry.report.state().is_some());
            entry.enter("2");
            assert!(entry.delivered.is_none() && entry.report.state().is_none());
        });
    }
}
