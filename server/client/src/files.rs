//! Files from agent to agent.
//!
//! A transfer is offered in a direct message, accepted in another, and its pieces go from agent to agent through
//! the server. A receiver that comes back after a break goes on where it was; a sender that was cut off does too.
//! The receiver checks what came against what was offered. Both ends hold an archive in memory, at most 50 MiB.

mod archive;
mod incoming;
mod outgoing;
mod wire;

use std::{collections::HashMap, sync::Arc, time::Instant};

use ring::{
    digest::{SHA256, digest},
    rand::{SecureRandom, SystemRandom},
};
use tokio::task::{AbortHandle, JoinSet};

pub use self::{archive::File, wire::Offered};
use self::{
    archive::pack,
    incoming::{Incoming, LARGEST, OFFERED},
    wire::Word,
};
use crate::{Client, ClientError, Event};

/// Offers that may wait, and transfers that may be on their way to us.
const INCOMING: usize = 32;
/// Those of one agent.
const INCOMING_OF_ONE: usize = 4;
/// Transfers that may be on their way from us.
const OUTGOING: usize = 32;

/// Why a transfer does not work.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// A name that would leave the folder, or can't be told from the text around it.
    #[error("{0:?} is no name for a file that is sent")]
    Name(String),
    /// What came can't be read.
    #[error("the archive is broken: {0}")]
    Archive(String),
    /// What came is not what was sent.
    #[error("the archive's SHA-256 is not the one that was offered")]
    Digest,
    /// An offer that can't be taken, or does not hold.
    #[error("the offer can't be taken: {0}")]
    Offer(&'static str),
    /// There are too many, or too large ones.
    #[error("{0}")]
    TooMuch(&'static str),
    /// Nobody knows of this transfer.
    #[error("there is no such transfer")]
    Unknown,
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Random,
}

/// What became of files.
#[derive(Debug)]
#[non_exhaustive]
pub enum FileEvent {
    /// Somebody offers files: [`Transfers::accept`] takes them.
    Offered {
        /// Agent, with `@`.
        from: String,
        /// Which transfer.
        tid: String,
        /// What is offered.
        files: Vec<Offered>,
        /// Bytes in all.
        total_size: u64,
    },
    /// Files are here.
    Received {
        /// Agent, with `@`.
        from: String,
        /// Which transfer.
        tid: String,
        /// The files.
        files: Vec<File>,
    },
    /// Files are there.
    Sent {
        /// Agent, with `@`.
        to: String,
        /// Which transfer.
        tid: String,
    },
    /// Nothing comes of a transfer.
    Failed {
        /// The other agent, with `@`.
        with: String,
        /// Which transfer.
        tid: String,
        /// Why.
        why: String,
    },
}

/// A transfer from us.
struct Outgoing {
    text: Arc<str>,
    sha256: String,
    since: Instant,
    sending: Option<AbortHandle>,
}

/// The other agent, with `@`, and the transfer's id.
type Key = (String, String);

/// All transfers of a client. Give [`Transfers::hear`] every event that the client hears. Dropping this ends them.
pub struct Transfers {
    client: Client,
    incoming: HashMap<Key, Incoming>,
    outgoing: HashMap<Key, Outgoing>,
    tasks: JoinSet<Result<(), ClientError>>,
}

impl Transfers {
    /// None yet.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self {
            client,
            incoming: HashMap::new(),
            outgoing: HashMap::new(),
            tasks: JoinSet::new(),
        }
    }

    /// Offers files to an agent, with `@`; they are sent once it accepts. Gives the transfer's id.
    pub fn offer(&mut self, to: &str, files: &[File]) -> Result<String, FileError> {
        let sizes = files
            .iter()
            .map(|file| u64::try_from(file.bytes.len()).unwrap_or(u64::MAX));
        let total_size: u64 = sizes.clone().sum();
        let held: usize = self
            .outgoing
            .values()
            .map(|outgoing| outgoing.text.len())
            .sum();
        let held = u64::try_from(held).unwrap_or(u64::MAX);
        if total_size.saturating_add(held) > LARGEST || self.outgoing.len() >= OUTGOING {
            return Err(FileError::TooMuch(
                "more than 50 MiB, or 32 transfers, are on their way",
            ));
        }
        if files.is_empty() {
            return Err(FileError::TooMuch("there is no file to send"));
        }
        let text = pack(files)?;
        let (tid, sha256) = (random_id()?, sha256(&text));
        let offered = files.iter().zip(sizes).map(|(file, size)| Offered {
            name: file.name.clone(),
            size,
        });
        let pieces = outgoing::pieces(&text).len();
        let word = Word::Offer {
            tid: tid.clone(),
            files: offered.collect(),
            total_size,
            sha256: sha256.clone(),
            chunks: u64::try_from(pieces).unwrap_or(u64::MAX),
        };
        let outgoing = Outgoing {
            text: text.into(),
            sha256,
            since: Instant::now(),
            sending: None,
        };
        self.outgoing.insert((to.to_owned(), tid.clone()), outgoing);
        self.say(to, word);
        Ok(tid)
    }

    /// Takes what an agent, with `@`, offered.
    pub fn accept(&mut self, from: &str, tid: &str) -> Result<(), FileError> {
        let key = (from.to_owned(), tid.to_owned());
        let held = self.incoming.values().filter(|incoming| incoming.accepted);
        let held: u64 = held.map(|incoming| incoming.total_size).sum();
        let incoming = self.incoming.get_mut(&key).ok_or(FileError::Unknown)?;
        if !incoming.accepted && held + incoming.total_size > LARGEST {
            return Err(FileError::TooMuch(
                "more than 50 MiB are on their way to us",
            ));
        }
        let have = incoming.resume(Instant::now());
        self.take_up(&key, have);
        Ok(())
    }

    /// What an event means for files; most mean nothing.
    pub fn hear(&mut self, event: &Event) -> Vec<FileEvent> {
        while self.tasks.try_join_next().is_some() {}
        let mut events = self.expire(Instant::now());
        match event {
            Event::Connected(_) => self.resume(),
            Event::Message(message) if message.to.starts_with('@') => {
                if let Some(word) = Word::parse(&message.content) {
                    events.extend(self.word(&message.from, word));
                }
            }
            Event::FileChunk { from, content } => {
                if let Some(Word::Chunk { tid, idx, data }) = Word::parse(content) {
                    events.extend(self.chunk(from, tid, idx, &data));
                }
            }
            _ => {}
        }
        events
    }

    fn word(&mut self, from: &str, word: Word) -> Option<FileEvent> {
        match word {
            Word::Offer {
                tid,
                files,
                total_size,
                sha256,
                chunks,
            } => {
                // One's own offer is heard too.
                let key = (from.to_owned(), tid.clone());
                let of_one = self.incoming.keys().filter(|(agent, _)| agent == from);
                let full = of_one.count() >= INCOMING_OF_ONE || self.incoming.len() >= INCOMING;
                if full || self.incoming.contains_key(&key) || self.is_own(&tid) {
                    return None;
                }
                let shown = files.clone();
                let now = Instant::now();
                let incoming = Incoming::new(files, total_size, sha256, chunks, now).ok()?;
                self.incoming.insert(key, incoming);
                Some(FileEvent::Offered {
                    from: from.to_owned(),
                    tid,
                    files: shown,
                    total_size,
                })
            }
            Word::Accept { tid, have } => {
                let key = (from.to_owned(), tid.clone());
                let outgoing = self.outgoing.get_mut(&key)?;
                if let Some(sending) = outgoing.sending.take() {
                    sending.abort();
                }
                let (text, sha256) = (outgoing.text.clone(), outgoing.sha256.clone());
                let have = have.unwrap_or(0);
                let to = from.to_owned();
                let send = outgoing::send(self.client.clone(), to, tid, text, sha256, have);
                outgoing.sending = Some(self.tasks.spawn(send));
                None
            }
            Word::Complete { tid, .. } => self.complete((from.to_owned(), tid)),
            Word::Ack { tid, ok, error } => {
                let (with, tid) = (from.to_owned(), tid);
                self.outgoing.remove(&(with.clone(), tid.clone()))?;
                Some(match ok {
                    true => FileEvent::Sent { to: with, tid },
                    false => {
                        let why = error.unwrap_or_else(|| "the receiver refuses it".to_owned());
                        FileEvent::Failed { with, tid, why }
                    }
                })
            }
            // Pieces come as FILE_CHUNK alone.
            Word::Chunk { .. } => None,
        }
    }

    fn chunk(&mut self, from: &str, tid: String, idx: u64, data: &str) -> Option<FileEvent> {
        let key = (from.to_owned(), tid);
        let taken = self.incoming.get_mut(&key)?.take(idx, data, Instant::now());
        taken.err().map(|error| self.refuse(key, &error))
    }

    /// The sender says that it has sent everything.
    fn complete(&mut self, key: Key) -> Option<FileEvent> {
        let incoming = self
            .incoming
            .get_mut(&key)
            .filter(|incoming| incoming.accepted)?;
        if incoming.is_short() {
            let have = incoming.resume(Instant::now());
            self.take_up(&key, have);
            return None;
        }
        match self.incoming.remove(&key)?.finish() {
            Ok(files) => {
                let (from, tid) = key;
                let word = Word::Ack {
                    tid: tid.clone(),
                    ok: true,
                    error: None,
                };
                self.say(&from, word);
                Some(FileEvent::Received { from, tid, files })
            }
            Err(error) => Some(self.refuse(key, &error)),
        }
    }

    fn refuse(&mut self, key: Key, error: &FileError) -> FileEvent {
        self.incoming.remove(&key);
        let ((with, tid), why) = (key, error.to_string());
        let word = Word::Ack {
            tid: tid.clone(),
            ok: false,
            error: Some(why.clone()),
        };
        self.say(&with, word);
        FileEvent::Failed { with, tid, why }
    }

    /// After a break: what was being received goes on.
    fn resume(&mut self) {
        let accepted = self
            .incoming
            .iter_mut()
            .filter(|(_, incoming)| incoming.accepted);
        let now = Instant::now();
        let again: Vec<_> = accepted
            .map(|(key, i)| (key.clone(), i.resume(now)))
            .collect();
        for (key, have) in again {
            self.take_up(&key, have);
        }
    }

    fn take_up(&mut self, (from, tid): &Key, have: u64) {
        let have = Some(have).filter(|have| *have > 0);
        let tid = tid.clone();
        self.say(from, Word::Accept { tid, have });
    }

    fn say(&mut self, to: &str, word: Word) {
        self.tasks
            .spawn(outgoing::say(self.client.clone(), to.to_owned(), word));
    }

    fn is_own(&self, tid: &str) -> bool {
        self.outgoing.keys().any(|(_, own)| own == tid)
    }

    fn expire(&mut self, now: Instant) -> Vec<FileEvent> {
        let late = self
            .incoming
            .iter()
            .filter_map(|(key, i)| Some((key.clone(), i.expired(now)?)));
        let late: Vec<_> = late.collect();
        let old = self
            .outgoing
            .iter()
            .filter(|(_, o)| now - o.since > OFFERED);
        let old: Vec<_> = old
            .map(|(key, _)| (key.clone(), "it was not completed in time"))
            .collect();
        let mut events = vec![];
        for (key, why) in late.into_iter().chain(old) {
            self.incoming.remove(&key);
            if let Some(sending) = self.outgoing.remove(&key).and_then(|o| o.sending) {
                sending.abort();
            }
            let ((with, tid), why) = (key, why.to_owned());
            events.push(FileEvent::Failed { with, tid, why });
        }
        events
    }
}

fn random_id() -> Result<String, FileError> {
    let mut bytes = [0; 16];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| FileError::Random)?;
    Ok(hex(&bytes))
}

fn sha256(text: &str) -> String {
    hex(digest(&SHA256, text.as_bytes()).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
