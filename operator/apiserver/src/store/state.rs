//! What the store holds in memory: every object, and the bounded history of changes.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use serde_json::Value;

/// Where an object is kept. Ordered by resource, then namespace, then name, as lists are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// `plural.group`, or the plural alone in the core group.
    pub resource: String,
    /// Empty for objects of the cluster.
    pub namespace: String,
    /// Name of the object.
    pub name: String,
}

/// One change, one revision.
#[derive(Debug)]
pub struct Event {
    /// The revision that the change made.
    pub revision: u64,
    /// What was changed.
    pub key: Key,
    /// The object after the change; of a deleted one, its last state with this revision.
    pub object: Arc<Value>,
    /// The object before the change.
    pub previous: Option<Arc<Value>>,
    /// Whether the object is gone.
    pub deleted: bool,
}

/// The revision asked for has left the history.
#[derive(Debug, PartialEq, Eq)]
pub struct TooOld {
    /// What was asked for.
    pub asked: u64,
    /// The oldest revision that can still be continued from.
    pub oldest: u64,
}

/// The objects of the newest revision, and the changes that led to it.
#[derive(Debug, Default)]
pub struct State {
    pub(super) objects: BTreeMap<Key, Arc<Value>>,
    /// Changes `compacted + 1 ..= revision`, without a gap.
    pub(super) history: VecDeque<Arc<Event>>,
    pub(super) revision: u64,
    pub(super) compacted: u64,
}

impl State {
    /// The newest revision.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// One object.
    pub fn get(&self, key: &Key) -> Option<&Arc<Value>> {
        self.objects.get(key)
    }

    /// The objects of a resource, of one namespace or of all, in order.
    pub fn list<'a>(
        &'a self,
        resource: &'a str,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a Key, &'a Arc<Value>)> {
        let first = Key {
            resource: resource.to_owned(),
            namespace: namespace.unwrap_or_default().to_owned(),
            name: String::new(),
        };
        self.objects
            .range(first..)
            .take_while(move |(key, _)| within(key, resource, namespace))
    }

    /// The same as they were at an earlier revision, by undoing what came after it.
    pub fn list_at(
        &self,
        resource: &str,
        namespace: Option<&str>,
        revision: u64,
    ) -> Result<BTreeMap<Key, Arc<Value>>, TooOld> {
        let later: Vec<Arc<Event>> = self.events_after(revision)?.cloned().collect();
        let mut objects: BTreeMap<Key, Arc<Value>> = self
            .list(resource, namespace)
            .map(|(key, object)| (key.clone(), object.clone()))
            .collect();
        for event in later.iter().rev() {
            if within(&event.key, resource, namespace) {
                match &event.previous {
                    Some(previous) => objects.insert(event.key.clone(), previous.clone()),
                    None => objects.remove(&event.key),
                };
            }
        }
        Ok(objects)
    }

    /// The changes after a revision, in order.
    pub fn events_after(&self, revision: u64) -> Result<impl Iterator<Item = &Arc<Event>>, TooOld> {
        if revision < self.compacted {
            return Err(TooOld {
                asked: revision,
                oldest: self.compacted,
            });
        }
        let seen = usize::try_from(revision - self.compacted).unwrap_or(usize::MAX);
        Ok(self.history.iter().skip(seen))
    }

    /// Takes one more change in and forgets what is beyond the limit.
    pub(super) fn record(&mut self, event: Event, limit: usize) {
        self.revision = event.revision;
        if event.deleted {
            self.objects.remove(&event.key);
        } else {
            self.objects.insert(event.key.clone(), event.object.clone());
        }
        self.history.push_back(Arc::new(event));
        while self.history.len() > limit {
            if let Some(forgotten) = self.history.pop_front() {
                self.compacted = forgotten.revision;
            }
        }
    }
}

/// Whether a key is in the resource and, if one is given, the namespace.
pub fn within(key: &Key, resource: &str, namespace: Option<&str>) -> bool {
    key.resource == resource && namespace.is_none_or(|namespace| key.namespace == namespace)
}
