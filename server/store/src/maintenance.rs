//! Copies of the file, and whether it is sound.

use std::{fs, io, path::Path};

use rusqlite::{
    Connection, OpenFlags,
    functions::{Context, FunctionFlags},
};

use crate::{block::Packer, error::StoreError, messages, schema::SCHEMA, store::Store, tail::Tail};

/// Gives every channel an order of its own: what is said on the copy has the offsets of what is said on the
/// original after it was made, and whoever has read the one must not take it for the other. Form 1 is that of
/// [blocks](crate::block).
const PART: &str = "BEGIN;
    UPDATE channel SET former = epoch, epoch = lower(hex(randomblob(8))), former_last =
        MAX(forgotten, (SELECT COALESCE(MAX(last), 0) FROM chunk WHERE channel = name));
    UPDATE chunk SET form = 1,
        lines = (SELECT reordered(first, form, lines, former, epoch) FROM channel WHERE name = channel)
        WHERE channel IN (SELECT name FROM channel);
    COMMIT;";

/// What SQLite keeps beside a file, after the file's name; a copy must not come upon that of another.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Copies the database into a new file, also while a server uses it; the copy is of one moment. It gets its name
/// when it is whole: after an error there is none.
pub fn back_up(file: &Path, copy: &Path) -> Result<(), StoreError> {
    refuse(copy)?;
    for companion in COMPANIONS {
        let mut name = copy.as_os_str().to_owned();
        name.push(companion);
        refuse(Path::new(&name))?;
    }
    let db = open(file)?;
    let random: String = db.query_row("SELECT hex(randomblob(8))", [], |row| row.get(0))?;
    // A folder, so that what SQLite keeps beside the copy goes with it.
    let folder = copy.with_file_name(format!("backup-{random}.partial"));
    fs::create_dir(&folder).map_err(|error| unwritten(copy, error))?;
    let partial = folder.join("chat.db");
    let made = fill(&db, &partial).and_then(|()| give_name(&partial, copy));
    if let Err(error) = fs::remove_dir_all(&folder) {
        tracing::warn!("{} stays behind: {error}; remove it", folder.display());
    }
    made
}

/// Makes a sound copy, in one file, and gives it orders of its own.
fn fill(db: &Connection, copy: &Path) -> Result<(), StoreError> {
    db.execute("VACUUM INTO ?1", [copy.display().to_string()])?;
    let copied = open(copy)?;
    let version: i64 = copied.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version == SCHEMA {
        let store = Store::open(copy)?;
        store.begin()?;
        store.settle()?;
        store.commit()?;
        drop(store);
        let deterministic = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
        copied.create_scalar_function("reordered", 5, deterministic, reordered)?;
        copied.execute_batch(PART)?;
    }
    // Brings what is in the log into the file.
    let mode: String = copied.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0))?;
    if mode != "delete" {
        return Err(StoreError::Damaged(format!(
            "its copy keeps a log ({mode})"
        )));
    }
    drop(copied);
    // Only a copy that is sound is one.
    check(copy)
}

/// The block of lines that name another epoch: the first offset, form, the lines, the former epoch, and the new one.
fn reordered(arguments: &Context<'_>) -> rusqlite::Result<Box<[u8]>> {
    let first = arguments.get::<i64>(0)?.unsigned_abs();
    let [former, epoch] = [arguments.get::<String>(3)?, arguments.get(4)?]
        .map(|epoch| format!("\"epoch\":\"{epoch}\""));
    let lines = messages::read(first, arguments.get(1)?, arguments.get_raw(2));
    let block = lines.and_then(|mut lines| {
        lines.text = lines.text.replace(&former, &epoch);
        Packer::default().pack(&lines)
    });
    let damaged = || StoreError::Damaged(format!("message {first} of a channel can't be read"));
    let block = block.ok_or_else(|| rusqlite::Error::UserFunctionError(damaged().into()))?;
    Ok(block.stored)
}

/// Gives a file its name, unless something else has it.
fn give_name(file: &Path, name: &Path) -> Result<(), StoreError> {
    // Unlike a renamed file, a link takes no one's place; but not every file system has links.
    fs::hard_link(file, name).or_else(|_| {
        refuse(name)?;
        fs::rename(file, name).map_err(|error| unwritten(name, error))
    })
}

fn refuse(name: &Path) -> Result<(), StoreError> {
    // Also a link that leads nowhere.
    match name.symlink_metadata() {
        Ok(_) => Err(StoreError::Exists(name.display().to_string())),
        Err(_) => Ok(()),
    }
}

fn unwritten(name: &Path, error: io::Error) -> StoreError {
    StoreError::Unwritten(name.display().to_string(), error)
}

/// Reads all of the database; an error says what is wrong with it.
pub fn check(file: &Path) -> Result<(), StoreError> {
    let db = open(file)?;
    let said: String = db.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if said != "ok" {
        return Err(StoreError::Damaged(said));
    }
    let version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    // An older file has other tables.
    if version == SCHEMA {
        check_lines(&db)?;
    }
    Ok(())
}

/// Reads all messages.
fn check_lines(db: &Connection) -> Result<(), StoreError> {
    let mut chunks = db.prepare("SELECT channel, first, last, form, lines, at FROM chunk")?;
    let mut rows = chunks.query([])?;
    while let Some(row) = rows.next()? {
        let lines = messages::chunk(row)?;
        let at: i64 = row.get(5)?;
        if lines.youngest != at {
            let (channel, first): (String, _) = (row.get(0)?, lines.first);
            let said = format!("{channel} from message {first} on was not said until {at}");
            return Err(StoreError::Damaged(said));
        }
    }
    let mut journal = db.prepare("SELECT seq, form, lines FROM journal")?;
    let mut rows = journal.query([])?;
    while let Some(row) = rows.next()? {
        Tail::default().read(row.get(0)?, row.get(1)?, row.get_ref(2)?, |_| Ok(0))?;
    }
    Ok(())
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
