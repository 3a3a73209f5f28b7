//! Durable storage of the chat server: channels, messages, allowlist, in one SQLite file.
//!
//! Writes between [`Store::begin`] and [`Store::commit`] share one transaction: all of them are durable when
//! `commit` returns, or none is. Each channel has an epoch and a growing offset.

use std::{cell::Cell, path::Path, time::Duration};

use rusqlite::{Connection, OptionalExtension, params};

/// Version of the schema; an older program refuses a newer file.
const SCHEMA: i64 = 2;
/// How long a write waits for another program that has the file, such as one that copies it.
const BUSY: Duration = Duration::from_secs(1);

/// Why storage failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite refused.
    #[error("the chat database failed")]
    Sqlite(#[from] rusqlite::Error),
    /// The file comes from a newer program.
    #[error(
        "the chat database has schema {0}, and this program knows {SCHEMA}; use the newer program"
    )]
    Newer(i64),
    /// An earlier write of the same batch failed.
    #[error("an earlier write of the same batch failed")]
    Batch,
}

/// A channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Name, with `#`.
    pub name: String,
    /// Which order its offsets belong to.
    pub epoch: String,
    /// Whether only verified agents may come in.
    pub verified_only: bool,
    /// Offset of the last message; 0 when there is none.
    pub last: u64,
}

/// A key on the allowlist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// Public key, PEM.
    pub pubkey: String,
    /// What was noted at its approval.
    pub note: String,
    /// When it was approved, Unix milliseconds; 0 when that was not kept.
    pub approved_at: i64,
}

/// The database. One per file and process; calls block for as long as the disk takes.
pub struct Store {
    db: Connection,
    /// Whether a write of the batch that is under way failed.
    failed: Cell<bool>,
}

impl Store {
    /// Opens the file, and makes it when it is absent.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let db = Connection::open(path)?;
        db.busy_timeout(BUSY)?;
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "synchronous", "FULL")?;
        let version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if version > SCHEMA {
            return Err(StoreError::Newer(version));
        }
        if version < SCHEMA {
            db.execute_batch(&upgrade(version))?;
        }
        let failed = Cell::new(false);
        Ok(Self { db, failed })
    }

    /// Begins a batch.
    pub fn begin(&self) -> Result<(), StoreError> {
        self.failed.set(false);
        Ok(self.db.execute_batch("BEGIN")?)
    }

    /// Makes the batch durable. After an error, also of a single write, nothing of it is stored.
    pub fn commit(&self) -> Result<(), StoreError> {
        let done = match self.failed.take() {
            true => Err(StoreError::Batch),
            false => self.db.execute_batch("COMMIT").map_err(StoreError::from),
        };
        // SQLite ends a transaction by itself after some errors, and after others it does not.
        if done.is_err() && !self.db.is_autocommit() {
            self.db.execute_batch("ROLLBACK")?;
        }
        done
    }

    fn write(&self, sql: &str, params: impl rusqlite::Params) -> Result<usize, StoreError> {
        let written = self
            .db
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(params));
        written.map_err(|error| {
            self.failed.set(true);
            error.into()
        })
    }

    /// All channels, in the order in which they were made.
    pub fn channels(&self) -> Result<Vec<Channel>, StoreError> {
        let mut query = self.db.prepare(
            "SELECT name, epoch, verified_only,
                 (SELECT COALESCE(MAX(offset), 0) FROM message WHERE channel = name)
             FROM channel ORDER BY rowid",
        )?;
        let rows = query.query_map([], |row| {
            Ok(Channel {
                name: row.get(0)?,
                epoch: row.get(1)?,
                verified_only: row.get(2)?,
                last: row.get::<_, i64>(3)?.unsigned_abs(),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Makes a channel; one that exists stays as it is.
    pub fn create_channel(&self, channel: &Channel) -> Result<(), StoreError> {
        let values = params![channel.name, channel.epoch, channel.verified_only];
        self.write(
            "INSERT OR IGNORE INTO channel (name, epoch, verified_only) VALUES (?1, ?2, ?3)",
            values,
        )
        .map(drop)
    }

    /// Stores a message under its offset.
    pub fn append(&self, channel: &str, offset: u64, json: &str) -> Result<(), StoreError> {
        let offset = i64::try_from(offset).unwrap_or(i64::MAX);
        let values = params![channel, offset, json];
        self.write("INSERT INTO message VALUES (?1, ?2, ?3)", values)
            .map(drop)
    }

    /// Messages after an offset, oldest first, each with its own: at most `count`, and no more than fit into
    /// `bytes`, but at least one when there is one.
    pub fn after(
        &self,
        channel: &str,
        offset: u64,
        count: usize,
        bytes: usize,
    ) -> Result<Vec<(u64, String)>, StoreError> {
        let mut query = self.db.prepare_cached(
            "SELECT offset, json FROM message WHERE channel = ?1 AND offset > ?2 ORDER BY offset",
        )?;
        let offset = i64::try_from(offset).unwrap_or(i64::MAX);
        let mut rows = query.query(params![channel, offset])?;
        let (mut found, mut size) = (vec![], 0);
        while found.len() < count
            && let Some(row) = rows.next()?
        {
            let (offset, json): (i64, String) = (row.get(0)?, row.get(1)?);
            size += json.len();
            if size > bytes && !found.is_empty() {
                break;
            }
            found.push((offset.unsigned_abs(), json));
        }
        Ok(found)
    }

    /// Offset of the oldest message that is still there.
    pub fn first(&self, channel: &str) -> Result<Option<u64>, StoreError> {
        let mut query = self
            .db
            .prepare_cached("SELECT MIN(offset) FROM message WHERE channel = ?1")?;
        let first: Option<i64> = query.query_row([channel], |row| row.get(0))?;
        Ok(first.map(i64::unsigned_abs))
    }

    /// Puts a key on the allowlist; one that is there keeps its time.
    pub fn allow(&self, pubkey: &str, note: &str, now_ms: i64) -> Result<(), StoreError> {
        let values = params![pubkey, note, now_ms];
        self.write(
            "INSERT INTO allowed (pubkey, note, approved_at) VALUES (?1, ?2, ?3)
             ON CONFLICT (pubkey) DO UPDATE SET note = ?2",
            values,
        )
        .map(drop)
    }

    /// The allowlist, in the order of approval.
    pub fn allowed(&self) -> Result<Vec<Allowed>, StoreError> {
        let mut query = self
            .db
            .prepare_cached("SELECT pubkey, note, approved_at FROM allowed ORDER BY rowid")?;
        let rows = query.query_map([], |row| {
            Ok(Allowed {
                pubkey: row.get(0)?,
                note: row.get(1)?,
                approved_at: row.get(2)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Takes a key off the allowlist; says whether it was there.
    pub fn disallow(&self, pubkey: &str) -> Result<bool, StoreError> {
        let gone = self.write("DELETE FROM allowed WHERE pubkey = ?1", [pubkey])?;
        Ok(gone > 0)
    }

    /// Whether a key is on the allowlist.
    pub fn is_allowed(&self, pubkey: &str) -> Result<bool, StoreError> {
        let row = self
            .db
            .query_row("SELECT 1 FROM allowed WHERE pubkey = ?1", [pubkey], |_| {
                Ok(())
            });
        Ok(row.optional()?.is_some())
    }
}

/// What brings a file of an older schema to the current one; 0 is a new file.
fn upgrade(from: i64) -> String {
    let steps = [
        "CREATE TABLE IF NOT EXISTS channel (name TEXT PRIMARY KEY, epoch TEXT NOT NULL, verified_only INTEGER NOT NULL);
         CREATE TABLE IF NOT EXISTS message (channel TEXT NOT NULL, offset INTEGER NOT NULL, json TEXT NOT NULL,
             PRIMARY KEY (channel, offset)) WITHOUT ROWID;
         CREATE TABLE IF NOT EXISTS allowed (pubkey TEXT PRIMARY KEY, note TEXT NOT NULL);",
        "ALTER TABLE allowed ADD COLUMN approved_at INTEGER NOT NULL DEFAULT 0;",
    ];
    let due = usize::try_from(from).unwrap_or(steps.len());
    let due = steps.get(due..).unwrap_or_default().concat();
    format!("BEGIN; {due} PRAGMA user_version = {SCHEMA}; COMMIT;")
}

#[cfg(test)]
mod tests;
