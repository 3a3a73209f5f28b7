//! Objects on SQLite, one global revision, and a bounded history for watchers.
//!
//! Guarantees: a write that returned is on disk (`synchronous = FULL`); every write is exactly one
//! revision and revisions have no gaps, also across restarts; a write that changes nothing makes no
//! revision and no event. Reads come from memory and never wait for the disk.
//!
//! Caveat: one write is one transaction and one fsync; writers queue on one lock.

mod database;
mod state;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use rusqlite::Connection;
use serde_json::Value;
use tokio::sync::watch;

use crate::failure::Failure;
pub use state::{Event, Key, State, TooOld, within};

/// Changes kept for watchers. The contract asks for 75 s; a swarm of a thousand agents that
/// each report every ten seconds makes 7,500 changes in that time.
const HISTORY: usize = 8192;

/// Size of an object, as JSON: what etcd takes by default.
const OBJECT: usize = 1_572_864;

/// Why the store can't be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file can't be created or opened.
    #[error("opening {path}")]
    File {
        /// The database.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file was written by a newer program.
    #[error(
        "{path} has schema version {found}, this program knows up to {known}: use the newer program",
        known = database::VERSION
    )]
    Version {
        /// The database.
        path: PathBuf,
        /// The version in it.
        found: i64,
    },
    /// Another process has it.
    #[error("{0} is in use by another process: stop the other operator first")]
    InUse(PathBuf),
    /// SQLite refused.
    #[error("database: {0}")]
    Database(rusqlite::Error),
    /// An object that can't be read.
    #[error("stored object: {0}")]
    Object(#[from] serde_json::Error),
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

/// What a transaction does.
#[derive(Debug)]
pub enum Write {
    /// Nothing; the answer is this object.
    Keep(Arc<Value>),
    /// Stores the object.
    Put(Key, Value),
    /// Removes the object; the value is its last state.
    Remove(Key, Value),
}

/// The store.
#[derive(Debug)]
pub struct Store {
    connection: Mutex<Connection>,
    state: RwLock<State>,
    newest: watch::Sender<u64>,
    history: usize,
}

impl Store {
    /// Opens the file, making it when it isn't there.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::open_with_history(path, HISTORY)
    }

    fn open_with_history(path: &Path, history: usize) -> Result<Self, Error> {
        let busy = |error| match error {
            Error::Database(rusqlite::Error::SqliteFailure(code, _))
                if code.code == rusqlite::ErrorCode::DatabaseBusy =>
            {
                Error::InUse(path.to_owned())
            }
            other => other,
        };
        let connection = database::open(path).map_err(busy)?;
        let state = database::load(&connection)?;
        let (newest, _) = watch::channel(state.revision());
        Ok(Self {
            connection: Mutex::new(connection),
            state: RwLock::new(state),
            newest,
            history,
        })
    }

    /// Changes every object in memory, e.g. to what its schema says today. No revision is made; an
    /// object is stored as changed with its next write.
    pub fn adapt(&self, mut change: impl FnMut(&Key, &mut Value)) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        for (key, object) in &mut state.objects {
            change(key, Arc::make_mut(object));
        }
    }

    /// Looks at the newest revision. Keep it short: writers wait.
    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tells about new revisions.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// Decides on the newest state and stores what was decided; nothing can come in between.
    /// The answer is the object with its `metadata.resourceVersion`, and what was decided beside it.
    pub async fn transact<F, T>(self: &Arc<Self>, decide: F) -> Result<(Arc<Value>, T), Failure>
    where
        F: FnOnce(&State) -> Result<(Write, T), Failure> + Send + 'static,
        T: Send + 'static,
    {
        let store = self.clone();
        tokio::task::spawn_blocking(move || store.transact_blocking(decide))
            .await
            .unwrap_or_else(|error| Err(Failure::internal(error.to_string())))
    }

    fn transact_blocking<F, T>(&self, decide: F) -> Result<(Arc<Value>, T), Failure>
    where
        F: FnOnce(&State) -> Result<(Write, T), Failure>,
    {
        let mut connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let (event, beside) = {
            let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
            let (write, beside) = decide(&state)?;
            let (key, mut object, deleted) = match write {
                Write::Keep(object) => return Ok((object, beside)),
                Write::Put(key, object) => (key, object, false),
                Write::Remove(key, object) => (key, object, true),
            };
            let revision = state.revision() + 1;
            object["metadata"]["resourceVersion"] = revision.to_string().into();
            let size = serde_json::to_vec(&object).map_or(usize::MAX, |bytes| bytes.len());
            if !deleted && size > OBJECT {
                return Err(Failure::too_large(format!(
                    "the object has {size} bytes, more than the {OBJECT} that are stored"
                )));
            }
            let event = Event {
                revision,
                previous: state.get(&key).cloned(),
                key,
                object: Arc::new(object),
                deleted,
            };
            (event, beside)
        };
        database::append(&mut connection, &event, self.history).map_err(|error| {
            tracing::error!(%error, "a write could not be stored");
            Failure::internal(format!("storing the object: {error}"))
        })?;
        let object = event.object.clone();
        let revision = event.revision;
        self.state
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .record(event, self.history);
        self.newest.send_replace(revision);
        Ok((object, beside))
    }
}

#[cfg(test)]
mod tests;
