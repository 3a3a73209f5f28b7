//! The model's credential, handed to Claude Code over a pipe: never in arguments or environment.
//!
//! A process of Claude Code keeps what it was given, whatever is delivered later. So what each process was given
//! is remembered, as a fingerprint, and compared with what is there now.

use std::{
    fs,
    hash::{BuildHasher, RandomState},
    io::Write,
    os::fd::{AsRawFd, OwnedFd},
};

use agentchat_contract::{Layout, paths};
use anyhow::Context;
use nix::{
    fcntl::{FcntlArg, FdFlag, OFlag, fcntl},
    unistd::pipe2,
};

/// The largest credential; it must fit into a pipe at once.
const MAX: usize = 16 * 1024;

/// The files that may hold it, the first one first, each with the variable that tells Claude Code the number of
/// the descriptor to read it from.
const FILES: [(&str, &str); 2] = [
    (
        paths::OAUTH_TOKEN,
        "CLAUDE_CODE_OAUTH_TOKEN_FILE_DESCRIPTOR",
    ),
    (paths::API_KEY, "CLAUDE_CODE_API_KEY_FILE_DESCRIPTOR"),
];

/// Tells one credential from another, its kind included, and nothing else. Of no use outside this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(u64);

/// Reads the credential, each time anew.
pub struct Credentials {
    layout: Layout,
    hasher: RandomState,
}

/// A pipe that holds the credential, and the name of the variable that tells Claude Code its number.
pub struct CredentialPipe {
    /// Variable's name.
    pub variable: &'static str,
    /// Reading end; inherited by the next child.
    pub pipe: OwnedFd,
    /// Of what it holds.
    pub fingerprint: Fingerprint,
}

impl CredentialPipe {
    /// The descriptor's number, as the variable's value.
    pub fn number(&self) -> String {
        self.pipe.as_raw_fd().to_string()
    }
}

impl Credentials {
    pub fn new(layout: Layout) -> Self {
        Self {
            layout,
            hasher: RandomState::new(),
        }
    }

    /// Of the credential that is there now; `None` when there is none.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        let (_, variable, secret) = self.read()?;
        Some(self.fingerprint_of(variable, &secret))
    }

    /// The credential that is there now; `None` when there is none.
    pub fn pipe(&self) -> anyhow::Result<Option<CredentialPipe>> {
        let Some((path, variable, secret)) = self.read() else {
            return Ok(None);
        };
        anyhow::ensure!(
            secret.len() <= MAX,
            "the credential in {path} is longer than {MAX} bytes"
        );
        let (reader, writer) = pipe2(OFlag::O_CLOEXEC).context("no pipe for the credential")?;
        fs::File::from(writer)
            .write_all(&secret)
            .context("the credential did not fit")?;
        fcntl(&reader, FcntlArg::F_SETFD(FdFlag::empty())).context("no pipe for the credential")?;
        Ok(Some(CredentialPipe {
            variable,
            pipe: reader,
            fingerprint: self.fingerprint_of(variable, &secret),
        }))
    }

    fn read(&self) -> Option<(&'static str, &'static str, Vec<u8>)> {
        FILES.iter().find_map(|&(path, variable)| {
            let secret = fs::read(self.layout.path(path)).ok()?;
            Some((path, variable, secret.trim_ascii().to_vec()))
        })
    }

    fn fingerprint_of(&self, variable: &str, secret: &[u8]) -> Fingerprint {
        Fingerprint(self.hasher.hash_one((variable, secret)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprint_changes_with_value_and_kind_only() {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::new(root.path().into());
        let write = |path: &str, value: &str| fs::write(layout.path(path), value).unwrap();
        fs::create_dir_all(layout.path(paths::SECRETS_DIR)).unwrap();
        let credentials = Credentials::new(layout.clone());
        assert_eq!(credentials.fingerprint(), None);
        write(paths::API_KEY, "one");
        let first = credentials.fingerprint();
        assert!(first.is_some());
        write(paths::API_KEY, "one\n");
        assert_eq!(credentials.fingerprint(), first);
        assert_eq!(credentials.pipe().unwrap().map(|p| p.fingerprint), first);
        write(paths::API_KEY, "two");
        assert_ne!(credentials.fingerprint(), first);
        fs::remove_file(layout.path(paths::API_KEY)).unwrap();
        write(paths::OAUTH_TOKEN, "one");
        assert_ne!(credentials.fingerprint(), first);
    }
}
