//! Durable storage of the chat server: channels, messages, allowlist, in one SQLite file.
//!
//! A message is durable when [`Store::append`] returns. Each channel has an epoch and a growing offset.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, params};

/// Version of the schema; an older program refuses a newer file.
const SCHEMA: i64 = 1;

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

/// The database. One per file and process; calls block for as long as the disk takes.
pub struct Store {
    db: Connection,
}

impl Store {
    /// Opens the file, and makes it when it is absent.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let db = Connection::open(path)?;
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "synchronous", "FULL")?;
        let version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if version > SCHEMA {
            return Err(StoreError::Newer(version));
        }
        db.execute_batch(
            "CREATE TABLE IF NOT EXISTS channel (name TEXT PRIMARY KEY, epoch TEXT NOT NULL, verified_only INTEGER NOT NULL);
             CREATE TABLE IF NOT EXISTS message (channel TEXT NOT NULL, offset INTEGER NOT NULL, json TEXT NOT NULL,
                 PRIMARY KEY (channel, offset)) WITHOUT ROWID;
             CREATE TABLE IF NOT EXISTS allowed (pubkey TEXT PRIMARY KEY, note TEXT NOT NULL);",
        )?;
        db.pragma_update(None, "user_version", SCHEMA)?;
        Ok(Self { db })
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
        self.db.execute(
            "INSERT OR IGNORE INTO channel (name, epoch, verified_only) VALUES (?1, ?2, ?3)",
            params![channel.name, channel.epoch, channel.verified_only],
        )?;
        Ok(())
    }

    /// Stores a message under its offset.
    pub fn append(&self, channel: &str, offset: u64, json: &str) -> Result<(), StoreError> {
        let offset = i64::try_from(offset).unwrap_or(i64::MAX);
        self.db.execute(
            "INSERT INTO message VALUES (?1, ?2, ?3)",
            params![channel, offset, json],
        )?;
        Ok(())
    }

    /// The last `count` messages, oldest first.
    pub fn tail(&self, channel: &str, count: u32) -> Result<Vec<String>, StoreError> {
        let mut query = self.db.prepare(
            "SELECT json FROM (SELECT offset, json FROM message WHERE channel = ?1
                 ORDER BY offset DESC LIMIT ?2) ORDER BY offset",
        )?;
        let rows = query.query_map(params![channel, count], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Puts a key on the allowlist.
    pub fn allow(&self, pubkey: &str, note: &str) -> Result<(), StoreError> {
        self.db.execute(
            "INSERT OR REPLACE INTO allowed VALUES (?1, ?2)",
            params![pubkey, note],
        )?;
        Ok(())
    }

    /// Takes a key off the allowlist; says whether it was there.
    pub fn disallow(&self, pubkey: &str) -> Result<bool, StoreError> {
        Ok(self
            .db
            .execute("DELETE FROM allowed WHERE pubkey = ?1", [pubkey])?
            > 0)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_stored_is_there_after_reopening() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("chat.db");
        let channel = Channel {
            name: "#a".into(),
            epoch: "e".into(),
            verified_only: false,
            last: 0,
        };
        {
            let store = Store::open(&path).unwrap();
            store.create_channel(&channel).unwrap();
            for offset in 1..=3 {
                store.append("#a", offset, &format!("m{offset}")).unwrap();
            }
            store.allow("key", "note").unwrap();
        }
        let store = Store::open(&path).unwrap();
        assert_eq!(store.channels().unwrap(), [Channel { last: 3, ..channel }]);
        assert_eq!(store.tail("#a", 2).unwrap(), ["m2", "m3"]);
        assert!(store.is_allowed("key").unwrap());
        assert!(store.disallow("key").unwrap());
        assert!(!store.is_allowed("key").unwrap());
    }

    #[test]
    fn a_newer_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("chat.db");
        drop(Store::open(&path).unwrap());
        Connection::open(&path)
            .unwrap()
            .pragma_update(None, "user_version", 99)
            .unwrap();
        assert!(matches!(Store::open(&path), Err(StoreError::Newer(99))));
    }
}
