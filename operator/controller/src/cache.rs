//! What the operator knows between two reconciles. All of it can be lost: it is rebuilt from the API, from the
//! engines and from the containers' own reports. Only a back-off starts over then.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use agentchat_api::{Agent, AgentStatus, NodeStatus, Reason};
use agentchat_contract::State;
use kube::{Resource, ResourceExt};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Namespace and name of an Agent.
pub type Key = (String, String);
/// Node and component of what a Node runs for itself.
pub type ServiceKey = (String, &'static str);

/// What was reported from a run.
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

/// What is known of the runs of one workload's container.
#[derive(Clone, Debug, Default)]
pub struct CachedRun {
    /// The run that `delivered` and `started_with` speak of; see [`agentchat_driver::Container::run_id`].
    pub id: String,
    /// Digest of the last delivery into it.
    pub delivered: Option<String>,
    /// Digest of the delivery that it began with; `None` when that was before this operator.
    pub started_with: Option<String>,
    /// Whether it began under our eyes, and nothing is delivered yet.
    fresh: bool,
    /// The run that was last asked to stop.
    pub stopped: Option<String>,
    /// A container, and its restarts in a row without a stable run between.
    pub restarts_in_a_row: (String, u32),
}

impl CachedRun {
    /// Turns to a run that has just begun: nothing is delivered yet.
    pub fn begin(&mut self, id: &str) {
        id.clone_into(&mut self.id);
        self.delivered = None;
        self.started_with = None;
        self.fresh = true;
    }

    /// Notes a delivery into a run. The first one into a run that began under our eyes is what it began with.
    pub fn note_delivery(&mut self, run: &str, digest: &str) {
        if self.id != run {
            self.begin(run);
            self.fresh = false;
        }
        if std::mem::take(&mut self.fresh) {
            self.started_with = Some(digest.to_owned());
        }
        self.delivered = Some(digest.to_owned());
    }
}

/// A status that was written, and the revision of the object that it made.
#[derive(Clone, Debug)]
pub struct Written<S> {
    /// UID of the object.
    pub uid: Option<String>,
    /// Its revision.
    pub revision: u64,
    /// What it says since then.
    pub status: S,
}

/// Namespace and name of an Agent.
pub fn key_of(agent: &Agent) -> Key {
    (agent.namespace().unwrap_or_default(), agent.name_any())
}

/// Revision of an object. Those of one object are numbers that grow.
fn revision<K: Resource>(object: &K) -> u64 {
    let text = object.meta().resource_version.as_deref();
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}

impl<S: Clone> Written<S> {
    /// The status of an object, as it was stored.
    pub fn new<K: Resource>(object: &K, status: S) -> Self {
        Self {
            uid: object.meta().uid.clone(),
            revision: revision(object),
            status,
        }
    }

    /// What was written last, when the watch that gave `object` has not told of it yet.
    pub fn newer_than<K: Resource>(&self, object: &K) -> Option<S> {
        let newer = self.uid == object.meta().uid && self.revision > revision(object);
        newer.then(|| self.status.clone())
    }
}

/// One agent's part.
#[derive(Default)]
pub struct CachedAgent {
    /// Its container's runs.
    pub run: CachedRun,
    /// The run that `report` and the follower speak of.
    pub followed: String,
    /// What was reported from it.
    pub report: Report,
    follower: Option<DropGuard>,
    /// The last status written: the watch may be late to tell of it.
    pub written: Option<Written<AgentStatus>>,
    /// Reconciles in a row that did not get through for the same reason.
    pub failures: u32,
    /// That reason; `None` for an error.
    pub waits_for: Option<Reason>,
    /// Reconciles that changed something, in a row.
    pub passes: u32,
}

impl CachedAgent {
    /// Turns to a run: another run than before has no report and no follower yet.
    pub fn turn_to(&mut self, run: &str) {
        if self.followed != run {
            run.clone_into(&mut self.followed);
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

/// What is known of something that a Node runs for itself.
#[derive(Default)]
pub struct CachedService {
    /// Its container's runs.
    pub run: CachedRun,
    /// How often it was started again, by this operator.
    pub restarts: u32,
}

/// All parts of one kind, by key.
pub struct Cache<K, T>(Mutex<HashMap<K, T>>);

/// Agents.
pub type AgentCache = Cache<Key, CachedAgent>;
/// What Nodes run for themselves.
pub type ServiceCache = Cache<ServiceKey, CachedService>;
/// The last statuses of Nodes that were written.
pub type NodeStatusCache = Cache<String, Option<Written<NodeStatus>>>;

impl<K, T> Default for Cache<K, T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Clone + Eq + std::hash::Hash, T: Default> Cache<K, T> {
    fn map(&self) -> MutexGuard<'_, HashMap<K, T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works on one part; it is made when absent. For reconciles only: a task that comes late must not bring back
    /// what was forgotten.
    pub fn with<R>(&self, key: &K, f: impl FnOnce(&mut T) -> R) -> R {
        f(self.map().entry(key.clone()).or_default())
    }

    /// Works on one part, if it is there.
    pub fn if_there<R>(&self, key: &K, f: impl FnOnce(&mut T) -> R) -> Option<R> {
        self.map().get_mut(key).map(f)
    }

    /// Forgets all parts whose keys are such.
    pub fn forget_all(&self, such: impl Fn(&K) -> bool) {
        self.map().retain(|key, _| !such(key));
    }

    /// Forgets one part; what follows it ends.
    pub fn forget(&self, key: &K) {
        self.map().remove(key);
    }
}

impl AgentCache {
    /// Works on one agent's part as long as `run` is the run that is followed.
    pub fn during<R>(
        &self,
        key: &Key,
        run: &str,
        f: impl FnOnce(&mut CachedAgent) -> R,
    ) -> Option<R> {
        let mut map = self.map();
        map.get_mut(key).filter(|a| a.followed == run).map(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        ("default".into(), "ada".into())
    }

    #[test]
    fn run_is_followed_once_and_no_longer_than_it_lasts() {
        let (cache, shutdown) = (AgentCache::default(), CancellationToken::new());
        let begin = |run: &str| {
            cache.with(&key(), |agent| {
                agent.turn_to(run);
                agent.begin_following(&shutdown)
            })
        };
        let first = begin("1").unwrap();
        assert!(begin("1").is_none(), "followed twice");
        assert!(!first.is_cancelled());
        let second = begin("2").unwrap();
        assert!(first.is_cancelled(), "follows a run that was replaced");
        cache.forget(&key());
        assert!(second.is_cancelled(), "follows an agent that is gone");
        let third = begin("3").unwrap();
        shutdown.cancel();
        assert!(third.is_cancelled(), "outlives the operator");
    }

    #[test]
    fn late_report_brings_nothing_back() {
        let cache = AgentCache::default();
        cache.with(&key(), |agent| agent.turn_to("1"));
        assert!(cache.during(&key(), "1", |_| ()).is_some());
        assert!(cache.during(&key(), "0", |_| ()).is_none());
        cache.forget(&key());
        assert!(cache.during(&key(), "1", |_| ()).is_none());
        assert!(cache.map().is_empty());
    }

    #[test]
    fn run_keeps_what_it_began_with_when_something_else_is_delivered() {
        let mut run = CachedRun::default();
        run.begin("1");
        run.note_delivery("1", "old");
        run.note_delivery("1", "new");
        assert_eq!(run.started_with.as_deref(), Some("old"));
        assert_eq!(run.delivered.as_deref(), Some("new"));
        run.begin("2");
        assert_eq!((run.delivered, run.started_with), (None, None));
    }

    #[test]
    fn run_that_was_found_running_began_with_something_unknown() {
        let mut run = CachedRun::default();
        run.note_delivery("1", "old");
        run.note_delivery("1", "new");
        assert_eq!(run.started_with, None);
        assert_eq!(run.delivered.as_deref(), Some("new"));
    }
}
