//! Brings the write-ahead log into the database beside those who write, so that they wait for less of it.
//!
//! SQLite's own checkpoints stay on, as the bound of the log: they find most of the work done.

use std::{
    path::{Path, PathBuf},
    sync::mpsc::{SyncSender, sync_channel},
    thread::JoinHandle,
};

use rusqlite::Connection;

/// Bytes that are written before it is worth the while.
const WRITTEN: usize = 2 * 1024 * 1024;

/// A thread that does it, from when it is first worth the while until this is dropped.
pub struct Checkpoints {
    path: PathBuf,
    thread: Option<(SyncSender<()>, JoinHandle<()>)>,
    written: usize,
}

impl Checkpoints {
    /// For the database in this file.
    pub fn of(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            thread: None,
            written: 0,
        }
    }

    /// So many bytes are being written.
    pub fn written(&mut self, bytes: usize) {
        self.written += bytes;
    }

    /// They are durable: a checkpoint that is worth the while begins now, so that it waits for the disk when nobody
    /// else does.
    pub fn committed(&mut self) {
        if self.written < WRITTEN {
            return;
        }
        if self.thread.is_none() {
            match start(&self.path) {
                Ok(thread) => self.thread = Some(thread),
                Err(error) => tracing::debug!(%error, "no checkpoints beside those who write"),
            }
        }
        // One that is under way is followed by another.
        if let Some((wake, _)) = &self.thread
            && wake.try_send(()).is_ok()
        {
            self.written = 0;
        }
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        if let Some((wake, thread)) = self.thread.take() {
            drop(wake);
            if thread.join().is_err() {
                tracing::error!("the thread of checkpoints panicked");
            }
        }
    }
}

/// Starts the thread, with a connection of its own.
fn start(path: &Path) -> Result<(SyncSender<()>, JoinHandle<()>), Box<dyn std::error::Error>> {
    let db = Connection::open(path)?;
    let (wake, asked) = sync_channel(1);
    let work = move || {
        while asked.recv().is_ok() {
            let done = db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
            // Whoever writes meets the same trouble, and says so.
            if let Err(error) = done {
                tracing::debug!(%error, "the log stays as it is for now");
            }
        }
    };
    let builder = std::thread::Builder::new().name("checkpoint".into());
    Ok((wake, builder.spawn(work)?))
}
