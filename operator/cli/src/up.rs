//! `agentctl up`: from manifests to agents that talk.
//!
//! Level-triggered: what is there is kept, what is missing is made, so it can be called again at any moment.
//! When it fails, what this call has started is stopped; after a first `up` that failed, nothing is left.

mod configure;
mod credentials;
mod foreground;
mod ports;
mod ready;
mod steps;
mod undo;

use std::{path::PathBuf, time::Duration};

use agentchat_api::{SCRIPTED_MODEL, parse_duration};
use anyhow::{Context, Result};
use clap::{Args, builder::FalseyValueParser};

use steps::UpSteps;
use undo::SwarmBefore;

use crate::{
    exit::{Code, WithCode},
    help, interrupt,
    output::{self, Progress, say},
    state::{Lock, State},
};

pub use credentials::{CredentialFlags, exposed};

/// Brings a swarm up: control plane, chat server, and what the manifests declare.
#[derive(Debug, Args)]
#[command(after_help = help::UP)]
pub struct Up {
    /// A manifest, a folder of them, or - for standard input; may be repeated. Remembered.
    #[arg(long = "file", short = 'f', value_name = "PATH")]
    files: Vec<PathBuf>,
    /// Returns when the agents are ready, instead of showing their conversation.
    #[arg(long)]
    detach: bool,
    /// Podman's API socket; default: the user's own. Remembered.
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Image of agents that name none. Remembered.
    #[arg(long, value_name = "IMAGE", env = "AGENTCHAT_AGENT_IMAGE")]
    agent_image: Option<String>,
    /// Image of chat servers whose Node names none. Remembered.
    #[arg(long, value_name = "IMAGE", env = "AGENTCHAT_SERVER_IMAGE")]
    server_image: Option<String>,
    /// Image of the scripted model, which stands in when no credential is given. Remembered.
    #[arg(long, value_name = "IMAGE", env = "AGENTCHAT_MODEL_IMAGE")]
    model_image: Option<String>,
    /// Where the API listens; default: 127.0.0.1 and a free port from 7443 on. Remembered.
    #[arg(long, value_name = "ADDR:PORT")]
    api_listen: Option<std::net::SocketAddr>,
    /// Port of the chat server, instead of the manifest's. Remembered.
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    chat_port: Option<u16>,
    /// Where the model's credential comes from.
    #[command(flatten)]
    credential: CredentialFlags,
    /// Keeps the operator with a process of its own, also where systemd runs.
    #[arg(long, env = "AGENTCHAT_NO_SYSTEMD", value_parser = FalseyValueParser::new())]
    no_systemd: bool,
    /// How long to wait for Nodes and agents, like 90s or 5m.
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = seconds)]
    timeout: Duration,
}

/// A time as people write it, like 90s or 5m.
pub fn seconds(text: &str) -> Result<Duration, String> {
    parse_duration(text)
        .map(Duration::from_secs)
        .map_err(|error| error.to_string())
}

/// How agents reach the scripted model.
pub fn model_url() -> String {
    let (host, port) = SCRIPTED_MODEL;
    format!("http://{host}:{port}")
}

impl Up {
    /// Carries it out.
    pub async fn run(&self, state: &State) -> Result<()> {
        let progress = Progress::start();
        let interrupt = interrupt::listen()?;
        let credential = self.credential.read().code(Code::Invalid)?;
        if let Some(warning) = self.credential.warning() {
            progress.note(warning);
        }
        let fresh = !state.exists();
        state.create()?;
        let lock = Lock::take(state, &progress).await?;
        let lock =
            lock.context("the state folder was removed meanwhile; call `agentctl up` again")?;
        let before = SwarmBefore::look(state, fresh)?;
        let steps = UpSteps {
            up: self,
            state,
            progress,
            interrupt: &interrupt,
        };
        if let Err(error) = steps.bring(credential).await {
            steps.undo(&before, &error).await;
            return Err(error);
        }
        drop(lock);
        let export = format!(
            "export KUBECONFIG={}\n",
            shell_word(&state.kubeconfig().to_string_lossy())
        );
        output::put_somewhere(export);
        hints(state, self.detach);
        if self.detach {
            Ok(())
        } else {
            foreground::hold(state, progress, &interrupt).await
        }
    }
}

fn hints(state: &State, detached: bool) {
    let swarm = match state.swarm() {
        "default" => String::new(),
        other => format!(" --swarm {other}"),
    };
    say("  kubectl get agents           how the agents are; `-w` goes on watching");
    say(format_args!(
        "  agentctl{swarm} logs -f NAME     what an agent's container writes"
    ));
    if detached {
        say(format_args!(
            "  agentctl{swarm} status           whether all is well\n  agentctl{swarm} chat             talk with the agents"
        ));
        say(format_args!(
            "  agentctl{swarm} down             stop everything, keep what was made (--purge: keep nothing)"
        ));
    }
}

/// A word that a shell takes as one.
fn shell_word(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/._-+=:,@%".contains(&b);
    if !text.is_empty() && text.bytes().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::shell_word;

    #[test]
    fn quoted_path_is_one_word_for_a_shell() {
        assert_eq!(shell_word("/home/x/kubeconfig"), "/home/x/kubeconfig");
        assert_eq!(shell_word("/a b/it's"), r"'/a b/it'\''s'");
    }
}
