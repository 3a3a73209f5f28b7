//! The database as a whole: opening it, and batches.

use std::{
    cell::{Cell, RefCell},
    path::Path,
    time::Duration,
};

use rusqlite::Connection;

use crate::{
    checkpoint::Checkpoints,
    error::StoreError,
    schema::{self, SCHEMA},
    tail::Tail,
};

/// Bytes of a page in a new file: what is written in one go are many messages.
const PAGE: u32 = 16 * 1024;
/// Bytes of the write-ahead log before they are brought into the database, which takes a while: the journal uses
/// the same pages again and again, and they are brought in once.
const WAL: u32 = 16 * 1024 * 1024;
/// Statements that stay parsed: more than there are.
const STATEMENTS: usize = 128;
/// How long a write waits for another program that has the file, such as one that copies it.
const BUSY: Duration = Duration::from_secs(1);

/// The database. One per file and process; calls block for as long as the disk takes.
pub struct Store {
    pub(crate) db: Connection,
    /// Whether a write of the batch that is under way failed, and for want of room.
    pub(crate) failed: Cell<Option<bool>>,
    /// The youngest messages.
    pub(crate) tail: RefCell<Tail>,
    /// Whether there may be messages among them that were not stored.
    pub(crate) stale: Cell<bool>,
    pub(crate) checkpoints: RefCell<Checkpoints>,
}

impl Store {
    /// Opens the file, and makes it when it is absent.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let db = Connection::open(path)?;
        db.busy_timeout(BUSY)?;
        db.set_prepared_statement_cache_capacity(STATEMENTS);
        // An older file keeps the pages that it has.
        db.pragma_update(None, "page_size", PAGE)?;
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "synchronous", "FULL")?;
        let page: u32 = db.query_row("PRAGMA page_size", [], |row| row.get(0))?;
        db.pragma_update(None, "wal_autocheckpoint", WAL / page.max(1))?;
        let version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if version > SCHEMA {
            return Err(StoreError::Newer(version));
        }
        if version < SCHEMA {
            db.execute_batch(&schema::upgrade(version))?;
        }
        let store = Self {
            db,
            failed: Cell::new(None),
            tail: RefCell::default(),
            stale: Cell::new(false),
            checkpoints: RefCell::new(Checkpoints::of(path)),
        };
        store.read_journal()?;
        Ok(store)
    }

    /// The server's id: made with the file, and never another.
    pub fn server_id(&self) -> Result<String, StoreError> {
        let sql = "SELECT id FROM server";
        Ok(self.db.query_row(sql, [], |row| row.get(0))?)
    }

    /// How many rows were changed since the file was opened.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.db.total_changes()
    }

    /// Begins a batch.
    pub fn begin(&self) -> Result<(), StoreError> {
        self.refresh()?;
        self.failed.set(None);
        Ok(self.statement("BEGIN")?)
    }

    /// Makes the batch durable. After an error, also of a single write, nothing of it is stored.
    pub fn commit(&self) -> Result<(), StoreError> {
        let written = match self.failed.take() {
            Some(full) => Err(StoreError::Batch { full }),
            None => self.write_journal(),
        };
        let done = written.and_then(|()| Ok(self.statement("COMMIT")?));
        if done.is_err() {
            self.stale.set(true);
            self.refresh()?;
        } else {
            self.checkpoints.borrow_mut().committed();
        }
        done
    }

    /// Ends a batch that failed, and reads the journal anew.
    pub(crate) fn refresh(&self) -> Result<(), StoreError> {
        if self.stale.get() {
            // SQLite ends a transaction by itself after some errors, and after others it does not.
            if !self.db.is_autocommit() {
                self.db.execute_batch("ROLLBACK")?;
            }
            self.read_journal()?;
            self.stale.set(false);
        }
        Ok(())
    }

    /// Carries out a statement without parameters, which is parsed once.
    pub(crate) fn statement(&self, sql: &str) -> rusqlite::Result<()> {
        self.db.prepare_cached(sql)?.execute([]).map(drop)
    }

    pub(crate) fn write(
        &self,
        sql: &str,
        params: impl rusqlite::Params,
    ) -> Result<usize, StoreError> {
        let written = self
            .db
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(params));
        written.map_err(|error| {
            let error = StoreError::from(error);
            self.failed.set(Some(error.is_full()));
            error
        })
    }
}
