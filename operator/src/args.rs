//! The command line, and what belongs to it.

use std::{
    io::{IsTerminal, Write},
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::Parser;
use tracing_subscriber::EnvFilter;

/// The control plane of one swarm: an embedded Kubernetes-style API, and the controllers that converge
/// containers against it. People usually start it with `agentctl up`.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Args {
    /// Folder of the database and the API's certificates.
    #[arg(long, value_name = "DIR")]
    pub data_dir: PathBuf,
    /// Where the API listens.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:7443")]
    pub listen: SocketAddr,
    /// Socket of Podman's Docker-compatible API.
    #[arg(long, value_name = "PATH", default_value = "/run/podman/podman.sock")]
    pub socket: PathBuf,
    /// Name of the swarm.
    #[arg(long, default_value = "default", value_parser = swarm_name)]
    pub swarm: String,
    /// Image of agents that name none.
    #[arg(long, value_name = "IMAGE")]
    pub agent_image: String,
    /// Image of chat servers whose Node names none.
    #[arg(long, value_name = "IMAGE")]
    pub server_image: String,
    /// Folder of chat servers that an earlier release ran as processes, each in a folder named like its Node: their
    /// databases are taken along into the volumes of their containers.
    #[arg(long, value_name = "DIR")]
    pub earlier_chat_data: Option<PathBuf>,
    /// Where the admin's kubeconfig is written, mode 0600.
    #[arg(long, value_name = "FILE")]
    pub kubeconfig_out: PathBuf,
}

fn swarm_name(text: &str) -> Result<String, String> {
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let edges = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    if bytes.len() <= 32
        && bytes.iter().copied().all(good)
        && edges(bytes.first())
        && edges(bytes.last())
    {
        Ok(text.to_owned())
    } else {
        Err("a swarm's name has at most 32 of a-z, 0-9 and -, and starts and ends with a letter or digit".into())
    }
}

/// Without `RUST_LOG`: our own news, and what libraries warn of. Each line says which object it is about; the
/// span that kube-runtime puts around it would say it again.
const LOGGED: &str = "info,kube_runtime=warn";

/// Logs go to standard error; `RUST_LOG` changes what is logged.
pub fn init_logging() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOGGED));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .with_target(false)
        .init();
}

/// Writes a file that only its owner can read, replacing it as a whole.
pub fn write_private(path: &Path, contents: &str) -> anyhow::Result<()> {
    let fresh = path.with_extension("new");
    let write = || {
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(&fresh)?;
        file.write_all(contents.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&fresh, path)
    };
    write().with_context(|| format!("{} can't be written", path.display()))
}
