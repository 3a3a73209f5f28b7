//! The inbox's file: one JSON record a line, appended; replaced as a whole when it has grown.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use super::{inbound_message::InboundMessage, known::Floor};

/// Lines after which the file is replaced by a shorter one.
const LINES: usize = 5000;
/// How long an earlier process may keep the inbox.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Record {
    /// The first connection ever.
    First {
        /// When, Unix milliseconds.
        first: i64,
    },
    /// Messages were given to a caller.
    Handed {
        /// Their keys.
        handed: Vec<String>,
    },
    /// A caller knows of messages.
    Taken {
        /// Their keys.
        taken: Vec<String>,
    },
    /// All up to a place in a channel is known.
    Floor(Floor),
    /// A message came.
    Message(InboundMessage),
}

/// The open file, and the lock that keeps other processes out.
pub struct Log {
    path: PathBuf,
    file: File,
    lines: usize,
    _lock: File,
}

impl Log {
    /// Opens it and reads what is there; a line that can't be read is passed over.
    pub fn open(folder: &Path) -> io::Result<(Self, Vec<Record>)> {
        fs::create_dir_all(folder)?;
        let lock = lock(&folder.join("inbox.lock"))?;
        let path = folder.join("inbox.jsonl");
        let text = match fs::read(&path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let records: Vec<Record> = text
            .lines()
            .filter_map(|l| serde_json::from_str(l).ok())
            .collect();
        let mut file = append_to(&path)?;
        if !text.is_empty() && !text.ends_with('\n') {
            // What follows must not become part of a line that was cut off.
            file.write_all(b"\n")?;
        }
        let lines = text.lines().count();
        Ok((
            Self {
                path,
                file,
                lines,
                _lock: lock,
            },
            records,
        ))
    }

    /// Adds a record, in one write.
    pub fn append(&mut self, record: &Record) -> io::Result<()> {
        self.file.write_all(&line(record)?)?;
        self.lines += 1;
        Ok(())
    }

    /// Makes what was added survive a power failure.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Whether it should be replaced.
    pub fn is_long(&self) -> bool {
        self.lines > LINES
    }

    /// Replaces all of it.
    pub fn replace(&mut self, records: &[Record]) -> io::Result<()> {
        let fresh = self.path.with_extension("new");
        let mut bytes = vec![];
        for record in records {
            bytes.extend(line(record)?);
        }
        fs::write(&fresh, bytes)?;
        File::open(&fresh)?.sync_all()?;
        fs::rename(&fresh, &self.path)?;
        self.file = append_to(&self.path)?;
        self.lines = records.len();
        Ok(())
    }
}

fn line(record: &Record) -> io::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(record)?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// Takes the lock. When Claude Code is killed and started again, the process before this one may still be
/// on its way out.
fn lock(path: &Path) -> io::Result<File> {
    let file = append_to(path)?;
    let deadline = Instant::now() + LOCK_TIMEOUT;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::other(
                    "another agentchat-mcp has the inbox; end it first",
                ));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}
