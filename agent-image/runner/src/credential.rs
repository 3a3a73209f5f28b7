//! The model's credential, handed to Claude Code over a pipe: never in arguments or environment.

use std::{
    fs,
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

/// A pipe that holds the credential, and the name of the variable that tells Claude Code its number.
pub struct Handed {
    /// Variable's name.
    pub variable: &'static str,
    /// Reading end; inherited by the next child.
    pub pipe: OwnedFd,
}

impl Handed {
    /// The descriptor's number, as the variable's value.
    pub fn number(&self) -> String {
        self.pipe.as_raw_fd().to_string()
    }
}

/// Reads the credential anew, so that a rotated one is picked up; `None` when there is none.
pub fn hand_over(layout: &Layout) -> anyhow::Result<Option<Handed>> {
    let files = [
        (
            paths::OAUTH_TOKEN,
            "CLAUDE_CODE_OAUTH_TOKEN_FILE_DESCRIPTOR",
        ),
        (paths::API_KEY, "CLAUDE_CODE_API_KEY_FILE_DESCRIPTOR"),
    ];
    for (path, variable) in files {
        let Ok(secret) = fs::read(layout.path(path)) else {
            continue;
        };
        anyhow::ensure!(
            secret.len() <= MAX,
            "the credential in {path} is longer than {MAX} bytes"
        );
        let (reader, writer) = pipe2(OFlag::O_CLOEXEC).context("no pipe for the credential")?;
        fs::File::from(writer)
            .write_all(secret.trim_ascii())
            .context("the credential did not fit")?;
        fcntl(&reader, FcntlArg::F_SETFD(FdFlag::empty())).context("no pipe for the credential")?;
        return Ok(Some(Handed {
            variable,
            pipe: reader,
        }));
    }
    Ok(None)
}
