//! How the operator is started.

use std::{ffi::OsString, fs, os::unix::fs::MetadataExt, path::PathBuf};

use anyhow::{Context, Result, bail};

use crate::state::{State, SwarmConfig};

/// Name of the operator's program.
pub const OPERATOR: &str = "agentchat-operator";
/// What of our environment the operator sees: nothing secret, nothing that would configure it.
pub const ENVIRONMENT: [&str; 7] = [
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "RUST_LOG",
    "RUST_BACKTRACE",
];
/// Stands for an image of a swarm that was down before chat servers had any; nothing is made from it.
const NO_IMAGE: &str = "localhost/agentchat-server:unknown";

/// What a start did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// It runs already, as wanted.
    Kept,
    /// It was started.
    Fresh,
    /// It ran in another way, and was started again.
    Replaced,
}

/// The operator's program and arguments. No secret is among them.
#[derive(Clone, Debug)]
pub struct OperatorCommand {
    /// The program, next to this one.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
}

impl OperatorCommand {
    /// As a swarm wants it.
    pub fn new(state: &State, config: &SwarmConfig) -> Result<Self> {
        let own = std::env::current_exe().context("this program's own path is not known")?;
        let program = own.with_file_name(OPERATOR);
        if !program.is_file() {
            bail!(
                "{} does not exist; build it with `cargo xtask build`",
                program.display()
            );
        }
        let server_image = config.server_image.as_deref().unwrap_or(NO_IMAGE);
        let mut flags: Vec<(&str, OsString)> = vec![
            ("--data-dir", state.folder("operator")?.into()),
            ("--listen", config.api_listen.to_string().into()),
            ("--socket", config.socket.clone().into()),
            ("--swarm", state.swarm().into()),
            ("--agent-image", config.agent_image.clone().into()),
            ("--server-image", server_image.into()),
            ("--kubeconfig-out", state.kubeconfig().into()),
        ];
        let earlier = state.path("chat");
        if earlier.is_dir() {
            flags.push(("--earlier-chat-data", earlier.into()));
        }
        let args = flags
            .into_iter()
            .flat_map(|(flag, value)| [flag.into(), value]);
        Ok(Self {
            program,
            args: args.collect(),
        })
    }

    /// Digest of all that makes two starts differ: the program's file and the arguments.
    pub fn fingerprint(&self) -> Result<String> {
        let about = fs::metadata(&self.program)
            .with_context(|| format!("{} can't be read", self.program.display()))?;
        let mut context = ring::digest::Context::new(&ring::digest::SHA256);
        let mut part = |bytes: &[u8]| {
            context.update(&bytes.len().to_be_bytes());
            context.update(bytes);
        };
        part(self.program.as_os_str().as_encoded_bytes());
        part(format!("{} {} {}", about.size(), about.mtime(), about.mtime_nsec()).as_bytes());
        self.args
            .iter()
            .for_each(|arg| part(arg.as_encoded_bytes()));
        let hash = context.finish();
        let hex = hash.as_ref().iter().take(8).map(|b| format!("{b:02x}"));
        Ok(hex.collect())
    }
}
