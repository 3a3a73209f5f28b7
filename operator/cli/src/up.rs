//! `agentctl up`: from manifests to agents that talk.
//!
//! Level-triggered: what is there is kept, what is missing is made, so it can be called again at any moment.
//! When it fails, what this call has started is stopped; after a first `up` that failed, nothing is left.

mod choice;
mod credentials;
mod foreground;
mod ready;

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use agentchat_api::{Node, parse_duration};
use anyhow::{Context, Result};
use clap::Args;
use kube::{Api, Client, ResourceExt, api::ListParams};
use tokio_util::sync::CancellationToken;

use crate::{
    apply::{self, Applied},
    check::Engine,
    control::{OPERATOR, told},
    down,
    exit::{Code, WithCode},
    interrupt,
    manifest::{self, Kind, Manifest, Overlay},
    output::{self, NAME, Progress, say},
    service,
    state::{Credentials, Lock, Remembered, State},
    suspension,
    swarm::{MODEL, Swarm, chat_servers},
    wait::Patience,
};

pub use credentials::Given;

/// Brings a swarm up: control plane, chat server, and what the manifests declare.
#[derive(Debug, Args)]
pub struct Up {
    /// A manifest, or a folder of them; may be repeated. Remembered.
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
        let fresh = !state.exists();
        state.create()?;
        let lock = Lock::take(state, &progress).await?;
        let lock =
            lock.context("the state folder was removed meanwhile; call `agentctl up` again")?;
        let before = Before::look(state, fresh)?;
        let mut call = Call {
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
        output::put(export).context("nobody reads the output")?;
        hints(state, self.detach);
        if self.detach {
            Ok(())
        } else {
            foreground::hold(state, progress, &interrupt).await
        }
    }
}

/// How the swarm stood before this call.
struct Before {
    fresh: bool,
    down: bool,
    running: BTreeSet<String>,
}

impl Before {
    fn look(state: &State, fresh: bool) -> Result<Self> {
        let mut running = BTreeSet::new();
        for name in state.services()? {
            if service::running(state, &name)?.is_some() {
                running.insert(name);
            }
        }
        let remembered = Remembered::read(state)?;
        let fresh = fresh || (remembered.is_none() && running.is_empty());
        let down = remembered.is_some_and(|r| r.down) && !running.contains(OPERATOR);
        Ok(Self {
            fresh,
            down,
            running,
        })
    }
}

/// One call of `up`.
struct Call<'a> {
    up: &'a Up,
    state: &'a State,
    progress: Progress,
    interrupt: &'a CancellationToken,
}

impl Call<'_> {
    async fn bring(&mut self, credential: Option<credentials::Credential>) -> Result<()> {
        let remembered = Remembered::read(self.state)?;
        let mut chosen = self
            .up
            .choose(self.state, remembered, credential.as_ref())
            .code(Code::Invalid)?;
        let manifests = self.manifests(&chosen).code(Code::Invalid)?;
        let engine = Engine::at(&chosen.socket);
        let version = engine.version().await?;
        self.progress.step(format_args!(
            "Podman {version} answers on {}",
            chosen.socket.display()
        ));
        choice::check_image(&engine, &chosen).await?;
        choice::check_chat_ports(self.state, &manifests)?;
        chosen.down = false;
        chosen.write(self.state)?;

        let mut swarm = Swarm::new(self.state, self.progress, self.interrupt);
        let client = swarm.operator(&chosen).await?;
        if let (Credentials::ScriptedModel, Some(port)) = (chosen.credentials, chosen.model_port) {
            swarm.model(port).await?;
            self.progress.note(
                "no Claude credentials: a SCRIPTED MODEL answers, no AI thinks here; \
                 give --oauth-token-file or --api-key-file for the real one",
            );
        }
        let (surroundings, agents): (Vec<_>, Vec<_>) =
            manifests.iter().partition(|m| m.kind != Kind::Agent);
        let (first, nodes): (Vec<_>, Vec<_>) =
            surroundings.into_iter().partition(|m| m.kind != Kind::Node);
        self.apply(&client, &first).await?;
        credentials::provide(&client, &manifests, chosen.credentials, credential).await?;
        self.apply(&client, &nodes).await?;
        self.chat_servers(&client, &mut swarm, &mut chosen).await?;
        let patience = Patience::new(self.up.timeout, self.interrupt);
        ready::nodes(&client, &nodes, &mut swarm, &patience, self.progress).await?;
        self.apply(&client, &agents).await?;
        let woken = suspension::lift(&client, &manifests).await?;
        if woken > 0 {
            self.progress.step(format_args!("{woken} agent(s) woken"));
        }
        ready::agents(&client, &agents, &mut swarm, &patience, self.progress).await?;
        if chosen.credentials == Credentials::Given && service::stop(self.state, MODEL).await? {
            self.progress
                .step("scripted-model stopped: the real one answers");
        }
        Ok(())
    }

    fn manifests(&self, chosen: &Remembered) -> Result<Vec<Manifest>> {
        let mut manifests = manifest::load(&chosen.manifests)?;
        let scripted = chosen.credentials == Credentials::ScriptedModel;
        let base_url = chosen.model_port.filter(|_| scripted).map(model_url);
        let overlay = Overlay {
            base_url,
            chat_port: chosen.chat_port,
        };
        manifests
            .iter_mut()
            .for_each(|manifest| overlay.lay(manifest));
        Ok(manifests)
    }

    async fn apply(&self, client: &Client, manifests: &[&Manifest]) -> Result<()> {
        for manifest in manifests {
            let what = match apply::apply(client, manifest).await? {
                Applied::Created => "created",
                Applied::Changed => "changed",
                Applied::Unchanged => "unchanged",
            };
            self.progress
                .step(format_args!("{NAME}{}{NAME:#} {what}", manifest.title()));
        }
        Ok(())
    }

    async fn chat_servers(
        &self,
        client: &Client,
        swarm: &mut Swarm<'_>,
        chosen: &mut Remembered,
    ) -> Result<()> {
        let list = Api::<Node>::all(client.clone())
            .list(&ListParams::default())
            .await;
        let nodes = list
            .map_err(|error| told(error, "the Nodes are not to be had"))?
            .items;
        for (node, name) in chat_servers(nodes, chosen.chat_server.as_deref())? {
            if name == crate::swarm::SERVER {
                chosen.chat_server = Some(node.name_any());
                chosen.write(self.state)?;
            }
            swarm.chat_server(client, &node, &name).await?;
        }
        Ok(())
    }

    /// Stops what this call has started. A failure to do so is said, and does not hide why it was needed.
    async fn undo(&self, before: &Before, error: &anyhow::Error) {
        if self.state.services().is_ok_and(|names| !names.is_empty()) {
            self.progress.note(format_args!(
                "{}; stopping what this call has started",
                first_line(error)
            ));
        }
        let (state, progress) = (self.state, self.progress);
        let never = CancellationToken::new();
        let undone = match Remembered::read(state) {
            Ok(None) if before.fresh => state.remove(),
            _ if before.fresh => down::take_down(state, progress, true, &never).await,
            _ if before.down => down::take_down(state, progress, false, &never).await,
            _ => self.stop_others(&before.running).await,
        };
        if let Err(why) = undone {
            progress.note(format_args!(
                "that did not work: {why:#}; `agentctl down --swarm {}` tries again",
                state.swarm()
            ));
        }
    }

    async fn stop_others(&self, kept: &BTreeSet<String>) -> Result<()> {
        for name in self.state.services()? {
            if !kept.contains(&name) && service::stop(self.state, &name).await? {
                self.progress
                    .step(format_args!("{NAME}{name}{NAME:#} stopped"));
            }
        }
        Ok(())
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

/// An error in one line, without what it quotes; the whole of it is said at the end.
fn first_line(error: &anyhow::Error) -> String {
    let text = format!("{error:#}");
    let line = text.lines().next().unwrap_or_default();
    line.split("; the end of ")
        .next()
        .unwrap_or_default()
        .to_owned()
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
