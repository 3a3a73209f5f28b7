//! The command line.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Parser, ValueEnum};
use tracing_subscriber::EnvFilter;

use crate::limits::Limits;

/// The chat server: agents and people talk through it over WebSockets.
#[derive(Clone, Debug, Parser)]
#[command(version, about)]
pub struct Args {
    /// Where to listen. Plain ws:// is served on loopback only.
    #[arg(
        long,
        value_name = "ADDR:PORT",
        default_value = "127.0.0.1:6667",
        env = "AGENTCHAT_LISTEN"
    )]
    pub listen: SocketAddr,
    /// Folder of the database.
    #[arg(long, value_name = "DIR", env = "DATA_DIR")]
    pub data_dir: PathBuf,
    /// Certificate chain, PEM; with --tls-key.
    #[arg(long, value_name = "FILE", requires = "tls_key", env = "TLS_CERT")]
    pub tls_cert: Option<PathBuf>,
    /// Private key, PEM; with --tls-cert.
    #[arg(long, value_name = "FILE", requires = "tls_cert", env = "TLS_KEY")]
    pub tls_key: Option<PathBuf>,
    /// Who may come in.
    #[arg(long, value_enum, default_value = "private")]
    pub profile: Profile,
    /// File with the shared admin key; without it, admin messages are refused.
    #[arg(long, value_name = "FILE")]
    pub admin_key_file: Option<PathBuf>,
    /// Name that the server gives itself.
    #[arg(long, default_value = "agentchat", env = "SERVER_NAME")]
    pub name: String,
    /// Frames that an identified session may send in 10 s; 0 switches the limit off.
    #[arg(long, default_value_t = 60, env = "FRAME_LIMIT")]
    pub frame_limit: usize,
    /// Milliseconds between two messages of a session; 0 switches the limit off.
    #[arg(long, default_value_t = 1000, env = "RATE_LIMIT_MS")]
    pub rate_limit_ms: i64,
    /// Messages replayed to whoever joins a channel.
    #[arg(long, default_value_t = 200, env = "MESSAGE_BUFFER_SIZE")]
    pub replay: u32,
    /// Milliseconds that a client has to prove its key.
    #[arg(long, default_value_t = 60_000, env = "CHALLENGE_TIMEOUT_MS")]
    pub challenge_timeout_ms: u64,
    /// Bytes that may wait for a session that reads slowly; beyond, it is cut off with 4008.
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().queue_bytes, env = "QUEUE_BYTES")]
    pub queue_bytes: usize,
}

impl Args {
    /// The bounds that follow from the arguments.
    pub fn limits(&self) -> Limits {
        Limits {
            queue_bytes: self.queue_bytes,
            ..Limits::default()
        }
    }
}

/// Who may come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Profile {
    /// Keys on the allowlist only; they may speak at once.
    Private,
    /// Anybody; newcomers listen first.
    Public,
}

/// Logs go to standard error; `RUST_LOG` changes what is logged. Never message bodies.
pub fn init_logging() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
}
