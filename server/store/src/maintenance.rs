//! Copies of the file, and whether it is sound.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::{SCHEMA, Store, StoreError};

/// Gives every channel an order of its own: what is said on the copy has the offsets of what is said on the
/// original after it was made, and whoever has read the one must not take it for the other.
const PART: &str = "BEGIN;
    UPDATE channel SET former = epoch, epoch = lower(hex(randomblob(8))), former_last =
        MAX(forgotten, (SELECT COALESCE(MAX(last), 0) FROM chunk WHERE channel = name));
    UPDATE chunk SET lines = (SELECT
        replace(lines, '\"epoch\":\"' || former || '\"', '\"epoch\":\"' || epoch || '\"')
        FROM channel WHERE name = channel) WHERE channel IN (SELECT name FROM channel);
    COMMIT;";

/// Copies the database into a new file, also while a server uses it; the copy is of one moment.
pub fn back_up(file: &Path, copy: &Path) -> Result<(), StoreError> {
    if copy.exists() {
        return Err(StoreError::Exists(copy.display().to_string()));
    }
    let db = open(file)?;
    db.execute("VACUUM INTO ?1", [copy.display().to_string()])?;
    let copied = open(copy)?;
    let version: i64 = copied.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version == SCHEMA {
        let store = Store::open(copy)?;
        store.begin()?;
        store.settle()?;
        store.commit()?;
        copied.execute_batch(PART)?;
    }
    drop(copied);
    // Only a copy that is sound is one.
    check(copy)
}

/// Reads all of the database; an error says what is wrong with it.
pub fn check(file: &Path) -> Result<(), StoreError> {
    let db = open(file)?;
    let said: String = db.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if said == "ok" {
        Ok(())
    } else {
        Err(StoreError::Damaged(said))
    }
}

/// Opens a file that must exist, and changes nothing.
fn open(file: &Path) -> Result<Connection, StoreError> {
    let db = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version > SCHEMA {
        return Err(StoreError::Newer(version));
    }
    Ok(db)
}
