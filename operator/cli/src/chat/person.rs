//! Who a person is in the chat.

use std::{
    env,
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use agentchat_client::Options;
use agentchat_protocol::Identity;
use anyhow::{Context, Result, bail};

use super::server_selector::Access;
use crate::state::{State, write_private};

/// Conversations of one user that may go on at the same time.
const CONVERSATIONS: usize = 16;
/// The key that is the same in each call that asks for it.
const SENDER: &str = "sender";
/// How long such a call waits for another one.
const WAIT: Duration = Duration::from_secs(20);
/// Between two looks whether it has ended.
const LOOK: Duration = Duration::from_millis(50);

/// Which of a person's keys is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// One that no other conversation uses now.
    Free,
    /// Always the same: what is said twice with it can be told to be the same.
    Sender,
}

/// Who comes, and to which server.
pub struct Person {
    /// The server.
    pub access: Access,
    /// Name shown to others.
    name: String,
    /// The person's key.
    identity: Identity,
    /// Held while the key is in use.
    lock: File,
}

impl Person {
    /// Reads or makes the person's key.
    pub fn prepare(access: Access, state: &State, name: Option<String>, key: Key) -> Result<Self> {
        let folder = match access.swarm {
            Some(_) => state.root().to_owned(),
            None => state.person_folder()?,
        };
        let (identity, lock) = match key {
            Key::Free => free(&folder)?,
            Key::Sender => sender(&folder)?,
        };
        Ok(Self {
            access,
            name: name.unwrap_or_else(own_name),
            identity,
            lock,
        })
    }

    /// The public key, PEM.
    pub fn public_key(&self) -> String {
        self.identity.public_key_pem()
    }

    /// What is noted about it on an allowlist.
    pub fn note(&self) -> String {
        format!("{}, a person", self.name)
    }

    /// How to connect, to whom, and the lock on the key.
    pub fn into_options(self, channels: Vec<String>) -> (Options, Access, File) {
        let options = Options {
            url: self.access.url.clone(),
            ca_pem: self.access.ca_pem.clone(),
            name: self.name,
            identity: Some(self.identity),
            channels,
        };
        (options, self.access, self.lock)
    }
}

/// A key that is not in use, made when there is none. A server has one session per key, so each conversation that
/// goes on at the same time has a key of its own; the lock is held as long as the conversation.
fn free(folder: &Path) -> Result<(Identity, File)> {
    for number in 1..=CONVERSATIONS {
        let name = match number {
            1 => "identity".to_owned(),
            other => format!("identity-{other}"),
        };
        if let Some(lock) = try_lock(folder, &name)? {
            return Ok((read_or_make(&folder.join(format!("{name}.pem")))?, lock));
        }
    }
    bail!("{CONVERSATIONS} conversations are open already; leave one of them")
}

/// The one key of calls that are to be known by it.
fn sender(folder: &Path) -> Result<(Identity, File)> {
    let latest = Instant::now() + WAIT;
    loop {
        if let Some(lock) = try_lock(folder, SENDER)? {
            return Ok((read_or_make(&folder.join(format!("{SENDER}.pem")))?, lock));
        }
        if Instant::now() > latest {
            let seconds = WAIT.as_secs();
            bail!(
                "another `agentctl chat send --id` has gone on for {seconds} s; see why it does not end"
            );
        }
        thread::sleep(LOOK);
    }
}

fn try_lock(folder: &Path, name: &str) -> Result<Option<File>> {
    let path = folder.join(format!("{name}.lock"));
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true).mode(0o600);
    let file = options
        .open(&path)
        .with_context(|| path.display().to_string())?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("{} can't be locked", path.display()))
        }
    }
}

fn read_or_make(path: &Path) -> Result<Identity> {
    match fs::read_to_string(path) {
        Ok(text) => Identity::from_pkcs8_pem(&text).with_context(|| {
            format!(
                "{} can't be understood; remove it to have a new one made",
                path.display()
            )
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let identity = Identity::generate()?;
            write_private(path, identity.to_pkcs8_pem().as_bytes())?;
            Ok(identity)
        }
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}

/// Checks a name for the chat.
pub fn chat_name(text: &str) -> Result<String, String> {
    let good = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    if (1..=32).contains(&text.len()) && text.bytes().all(good) {
        Ok(text.to_owned())
    } else {
        Err("a name has at most 32 of a-z, A-Z, 0-9, _ and -".into())
    }
}

/// The user's name, as far as it is one for the chat.
fn own_name() -> String {
    let user = env::var("USER").ok().filter(|name| name != "root");
    user.and_then(|name| chat_name(&name).ok())
        .unwrap_or_else(|| "person".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_conversations_have_keys_of_their_own_that_are_reused() {
        let base = tempfile::tempdir().unwrap();
        let (first, lock) = free(base.path()).unwrap();
        let (second, _held) = free(base.path()).unwrap();
        assert_ne!(first.agent_id(), second.agent_id());
        drop(lock);
        assert_eq!(free(base.path()).unwrap().0.agent_id(), first.agent_id());
        let (sender_id, lock) = sender(base.path()).unwrap();
        drop(lock);
        let (again, _held) = sender(base.path()).unwrap();
        assert_eq!(again.agent_id(), sender_id.agent_id());
    }
}
