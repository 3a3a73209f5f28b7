//! How the chat server is started: its command line, here and nowhere else.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::{
    machine,
    program::{self, Program},
};

/// The shared admin key.
pub const ADMIN_KEY: &str = "an-admin-key-for-measurements-only";

/// Who may come in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// Approved keys only; no channels but those that are made.
    #[default]
    Private,
    /// Anybody, put into the protocol's channels on arrival.
    Public,
}

/// What measurements set differently.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Who may come in.
    pub profile: Profile,
    /// Bytes that may wait for a slow consumer.
    pub queue_bytes: Option<usize>,
    /// Whether it speaks TLS.
    pub tls: bool,
}

/// A chat server with a folder of its own, on a real disk.
pub struct ChatServer {
    /// The process; declared first, so that it ends before its folder does.
    pub program: Program,
    dir: TempDir,
    settings: Settings,
    /// Its certificate, DER, when it speaks TLS.
    pub certificate: Option<Vec<u8>>,
}

impl ChatServer {
    /// Starts one with an empty database.
    pub fn start(settings: Settings) -> Result<Self> {
        let server = program::beside("agentchat-server")?;
        // Not in the system's folder for temporary files: that may be in memory.
        let beside = server.parent().context("the server has no folder")?;
        let dir = tempfile::Builder::new()
            .prefix("chat-bench-")
            .tempdir_in(beside)?;
        fs::write(dir.path().join("admin.key"), ADMIN_KEY)?;
        let certificate = settings.tls.then(|| certify(dir.path())).transpose()?;
        Ok(Self {
            program: Program::start(command(&server, dir.path(), &settings))?,
            dir,
            settings,
            certificate,
        })
    }

    /// Kills it, at whatever it is, and starts it again with the same database.
    pub fn kill_and_restart(self) -> Result<Self> {
        let Self {
            program,
            dir,
            settings,
            certificate,
        } = self;
        drop(program);
        let server = program::beside("agentchat-server")?;
        Ok(Self {
            program: Program::start(command(&server, dir.path(), &settings))?,
            dir,
            settings,
            certificate,
        })
    }
}

/// The whole command line.
fn command(server: &Path, dir: &Path, settings: &Settings) -> Command {
    let mut command = Command::new(server);
    command
        .env("RUST_LOG", "error")
        .args(["--listen", machine::loopback()])
        .arg("--data-dir")
        .arg(dir.join("data"))
        .arg("--admin-key-file")
        .arg(dir.join("admin.key"))
        .args(["--rate-limit-ms", "0", "--frame-limit", "0"])
        .arg("--profile")
        .arg(match settings.profile {
            Profile::Private => "private",
            Profile::Public => "public",
        });
    if let Some(bytes) = settings.queue_bytes {
        command.arg("--queue-bytes").arg(bytes.to_string());
    }
    if settings.tls {
        command.arg("--tls-cert").arg(dir.join("tls.crt"));
        command.arg("--tls-key").arg(dir.join("tls.key"));
    }
    command
}

/// Makes a certificate for `localhost`.
fn certify(dir: &Path) -> Result<Vec<u8>> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])?;
    fs::write(dir.join("tls.crt"), made.cert.pem())?;
    fs::write(dir.join("tls.key"), made.signing_key.serialize_pem())?;
    Ok(made.cert.der().to_vec())
}
