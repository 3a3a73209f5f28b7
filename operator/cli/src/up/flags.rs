//! The flags of `agentctl up`.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, builder::FalseyValueParser};

use super::credentials::CredentialFlags;
use crate::{help, wait::seconds};

/// Brings a swarm up: control plane, chat server, and what the manifests declare.
#[derive(Debug, Args)]
#[command(after_help = help::UP)]
pub struct Up {
    /// A manifest, a folder of them, or - for standard input; may be repeated. Remembered.
    #[arg(long = "file", short = 'f', value_name = "PATH")]
    pub(super) files: Vec<PathBuf>,
    /// Returns when the agents are ready, instead of showing their conversation.
    #[arg(long)]
    pub(super) detach: bool,
    /// Podman's API socket; default: the user's own. Remembered.
    #[arg(long, value_name = "PATH")]
    pub(super) socket: Option<PathBuf>,
    /// Image of agents that name none. Remembered.
    #[arg(long, value_name = "IMAGE", env = "AGENTCHAT_AGENT_IMAGE")]
    pub(super) agent_image: Option<String>,
    /// Image of chat servers whose Node names none. Remembered.
    #[arg(long, value_name = "IMAGE", env = "AGENTCHAT_SERVER_IMAGE")]
    pub(super) server_image: Option<String>,
    /// Image of the scripted model, which stands in when no credential is given. Remembered.
    #[arg(long, value_name = "IMAGE", env = "AGENTCHAT_MODEL_IMAGE")]
    pub(super) model_image: Option<String>,
    /// Where the API listens; default: 127.0.0.1 and a free port from 7443 on. Remembered.
    #[arg(long, value_name = "ADDR:PORT")]
    pub(super) api_listen: Option<SocketAddr>,
    /// Port of the chat server, instead of the manifest's. Remembered.
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) chat_port: Option<u16>,
    /// Where the model's credential comes from.
    #[command(flatten)]
    pub(super) credential: CredentialFlags,
    /// Keeps the operator with a process of its own, also where systemd runs.
    #[arg(long, env = "AGENTCHAT_NO_SYSTEMD", value_parser = FalseyValueParser::new())]
    pub(super) no_systemd: bool,
    /// How long to wait for Nodes and agents, like 90s or 5m.
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = seconds)]
    pub(super) timeout: Duration,
}
