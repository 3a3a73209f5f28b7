//! `agentctl up`: from manifests to agents that talk.
//!
//! Level-triggered: what is there is kept, what is missing is made, so it can be called again at any moment.
//! When it fails, what this call has started is stopped; after a first `up` that failed, nothing is left.

mod call;
mod choice;
mod credentials;
mod foreground;
mod ports;
mod ready;
mod undo;

use std::{path::PathBuf, time::Duration};

use agentchat_api::parse_duration;
use anyhow::{Context, Result};
use clap::Args;

use call::Call;
use undo::Before;

use crate::{
    exit::{Code, WithCode},
    help, interrupt,
    output::{self, Progress, say},
    state::{Lock, State},
};

pub use credentials::{Given, exposed};

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
    /// Where the API listens; default: 127.0.0.1 and a free port from 7443 on. Remembered.
    #[arg(long, value_name = "ADDR:PORT")]
    api_listen: Option<std::net::SocketAddr>,
    /// Port of the chat server, instead of the manifest's. Remembered.
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    chat_port: Option<u16>,
    /// Where the model's credential comes from.
    #[command(flatten)]
    given: Given,
    /// How long to wait for Nodes and agents, like 90s or 5m.
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = seconds)]
    timeout: Duration,
}

fn seconds(text: &str) -> Result<Duration, String> {
    parse_duration(text)
        .map(Duration::from_secs)
        .map_err(|error| error.to_string())
}

/// How containers reach the scripted model on its host.
pub fn model_url(port: u16) -> String {
    format!("http://host.containers.internal:{port}")
}

impl Up {
    /// Carries it out.
    pub async fn run(&self, state: &State) -> Result<()> {
        let progress = Progress::start();
        let interrupt = interrupt::listen()?;
        let credential = self.given.read().code(Code::Invalid)?;
        if let Some(warning) = self.given.warning() {
            progress.note(warning);
        }
        let fresh = !state.exists();
        state.create()?;
        let lock = Lock::take(state, &progress).await?;
        let lock =
            lock.context("the state folder was removed meanwhile; call `agentctl up` again")?;
        let before = Before::look(state, fresh)?;
        let call = Call {
            up: self,
            state,
            progress,
            interrupt: &interrupt,
        };
        if let Err(error) = call.bring(credential).await {
            call.undo(&before, &error).await;
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
            "  agentctl{swarm} chat             talk with the agents"
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
    fn a_path_survives_the_shell() {
        assert_eq!(shell_word("/home/x/kubeconfig"), "/home/x/kubeconfig");
        assert_eq!(shell_word("/a b/it's"), r"'/a b/it'\''s'");
    }
}
