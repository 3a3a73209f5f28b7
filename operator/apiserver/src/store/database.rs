//! The SQLite file: opening, its schema version, reading everything back, appending changes.

use std::{fs::OpenOptions, os::unix::fs::OpenOptionsExt, path::Path, sync::Arc, time::Duration};

use rusqlite::{Connection, params};

use super::{
    Error,
    state::{Event, Key, State},
};

/// The version that this program writes (`PRAGMA user_version`).
pub(super) const VERSION: i64 = 1;

const SCHEMA: &str = "
CREATE TABLE objects (
    resource TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (resource, namespace, name)
);
CREATE TABLE revisions (
    revision INTEGER PRIMARY KEY,
    resource TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    deleted INTEGER NOT NULL,
    body TEXT NOT NULL,
    previous TEXT
);
PRAGMA user_version = 1;
";

/// Opens the file for this process alone, readable by its owner alone.
pub(super) fn open(path: &Path) -> Result<Connection, Error> {
    let io = |source| Error::File {
        path: path.to_owned(),
        source,
    };
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map_err(io)?;
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_millis(500))?;
    connection.execute_batch(
        "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;",
    )?;
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    match version {
        VERSION => {}
        0 => {
            let transaction = connection.transaction()?;
            transaction.execute_batch(SCHEMA)?;
            transaction.commit()?;
        }
        found => {
            return Err(Error::Version {
                path: path.to_owned(),
                found,
            });
        }
    }
    Ok(connection)
}

/// Reads objects and history back.
pub(super) fn load(connection: &Connection) -> Result<State, Error> {
    let mut state = State::default();
    let mut select = connection.prepare("SELECT resource, namespace, name, body FROM objects")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let key = Key {
            resource: row.get(0)?,
            namespace: row.get(1)?,
            name: row.get(2)?,
        };
        let body: String = row.get(3)?;
        state
            .objects
            .insert(key, Arc::new(serde_json::from_str(&body)?));
    }
    let mut select = connection.prepare(
        "SELECT resource, namespace, name, body, previous, revision, deleted \
         FROM revisions ORDER BY revision",
    )?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let body: String = row.get(3)?;
        let previous: Option<String> = row.get(4)?;
        let revision = row.get::<_, i64>(5)?.cast_unsigned();
        let event = Event {
            revision,
            key: Key {
                resource: row.get(0)?,
                namespace: row.get(1)?,
                name: row.get(2)?,
            },
            object: Arc::new(serde_json::from_str(&body)?),
            previous: previous
                .map(|previous| serde_json::from_str(&previous).map(Arc::new))
                .transpose()?,
            deleted: row.get(6)?,
        };
        if state.history.is_empty() {
            state.compacted = revision - 1;
        }
        state.revision = revision;
        state.history.push_back(Arc::new(event));
    }
    Ok(state)
}

/// Makes one change durable and forgets what is beyond the limit, in one transaction.
pub(super) fn append(
    connection: &mut Connection,
    event: &Event,
    limit: usize,
) -> Result<(), Error> {
    let body = serde_json::to_string(&*event.object)?;
    let previous = event
        .previous
        .as_deref()
        .map(serde_json::to_string)
        .transpose()?;
    let Key {
        resource,
        namespace,
        name,
    } = &event.key;
    let revision = event.revision.cast_signed();
    let transaction = connection.transaction()?;
    if event.deleted {
        transaction
            .prepare_cached(
                "DELETE FROM objects WHERE resource = ? AND namespace = ? AND name = ?",
            )?
            .execute(params![resource, namespace, name])?;
    } else {
        transaction
            .prepare_cached("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?)")?
            .execute(params![resource, namespace, name, body])?;
    }
    transaction
        .prepare_cached("INSERT INTO revisions VALUES (?, ?, ?, ?, ?, ?, ?)")?
        .execute(params![
            revision,
            resource,
            namespace,
            name,
            event.deleted,
            body,
            previous
        ])?;
    let kept = i64::try_from(limit).unwrap_or(i64::MAX);
    transaction
        .prepare_cached("DELETE FROM revisions WHERE revision <= ?")?
        .execute(params![revision.saturating_sub(kept)])?;
    transaction.commit()?;
    Ok(())
}
