//! `agentctl down`: stops agents, chat servers and the operator, and keeps everything that they have made; with
//! `--purge` nothing is kept.

mod purge;
mod spent;

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use agentchat_api::Agent;
use agentchat_driver::{Engine, labels};
use anyhow::Result;
use clap::Args;
use futures::future::try_join_all;
use kube::{Api, Client, ResourceExt};
use tokio_util::sync::CancellationToken;

use crate::{
    check,
    control::list,
    earlier, help,
    operator::{self, Operator},
    output::{self, NAME, Progress},
    readiness,
    state::{Credentials, Lock, State, SwarmConfig},
    suspension,
    wait::{Changes, Deadline, Look},
};

/// How long agents may take beyond what they are granted to stop.
const MARGIN: Duration = Duration::from_secs(60);
/// Seconds that a chat server has to say goodbye.
const GOODBYE_SECONDS: u32 = 20;

/// Stops agents, chat server and operator; what was made is kept.
#[derive(Debug, Args)]
#[command(after_help = help::DOWN)]
pub struct Down {
    /// Removes everything: agents with all that they have made, Nodes, history, keys.
    #[arg(long)]
    purge: bool,
    /// With --purge, gives up what is on an engine that does not answer: it is left there, and not waited for.
    #[arg(long, requires = "purge")]
    force: bool,
}

/// What becomes of a swarm that is taken down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What was made is kept.
    Keep,
    /// Nothing is kept.
    Purge,
    /// Nothing is kept, and what is on an engine that does not answer is given up.
    ForcedPurge,
}

impl Down {
    /// Carries it out.
    pub async fn run(&self, state: &State) -> Result<()> {
        let progress = Progress::start();
        let lock = match state.exists() {
            true => Lock::take(state, &progress).await?,
            false => None,
        };
        let Some(_lock) = lock else {
            let swarm = state.swarm();
            progress.step(format_args!("there is no swarm {swarm}: nothing to do"));
            return Ok(());
        };
        let kind = match (self.purge, self.force) {
            (false, _) => Kind::Keep,
            (true, false) => Kind::Purge,
            (true, true) => Kind::ForcedPurge,
        };
        take_down(state, progress, kind, &CancellationToken::new()).await
    }
}

/// Takes the swarm down; the caller holds the lock.
pub async fn take_down(
    state: &State,
    progress: Progress,
    kind: Kind,
    interrupt: &CancellationToken,
) -> Result<()> {
    let swarm = state.swarm();
    let operator = Operator::new(state, progress, interrupt);
    let mut config = SwarmConfig::read(state)?;
    if let Some(config) = &mut config {
        let is_down = config.down && !operator::is_running(state)?;
        if kind != Kind::Keep || !is_down {
            let client = reach(&progress, config, &operator).await?;
            if kind != Kind::ForcedPurge {
                suspend(&client, &progress, interrupt).await?;
            }
            let scripted = config.credentials == Credentials::ScriptedModel;
            output::put_somewhere(spent::table(&list(&client).await?, scripted));
            if kind != Kind::Keep {
                let force = kind == Kind::ForcedPurge;
                purge::purge(&client, &progress, config, force, interrupt).await?;
            }
        }
    }
    operator.stop().await?;
    earlier::stop(state, &progress).await?;
    if kind == Kind::Keep {
        if let Some(config) = &mut config {
            stop_components(config, &progress).await?;
            config.down = true;
            config.write(state)?;
        }
        progress.good(format_args!(
            "swarm {swarm} is down; what was made is kept, `agentctl up --swarm {swarm}` continues from here"
        ));
    } else {
        state.remove()?;
        progress.good(format_args!(
            "swarm {swarm} is removed, with everything that was its own"
        ));
    }
    Ok(())
}

/// A client of the operator, which is started again when it does not run: without it, containers would go on.
async fn reach(
    progress: &Progress,
    config: &mut SwarmConfig,
    operator: &Operator<'_>,
) -> Result<Client> {
    if let Some(client) = operator.client().await? {
        config.swarm_id = Some(operator::swarm_id(&client).await?);
        return Ok(client);
    }
    progress
        .note("the operator does not run; it is started once more, to take care of the containers");
    let usual = config.api_listen;
    if check::free(usual, "The API", "--api-listen").is_err() {
        config.api_listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    }
    let started = operator.start(config, false).await;
    config.api_listen = usual;
    started
}

/// Suspends all agents and waits until nothing of them runs.
async fn suspend(
    client: &Client,
    progress: &Progress,
    interrupt: &CancellationToken,
) -> Result<()> {
    suspension::suspend(client).await?;
    let agents = list::<Agent>(client).await?;
    let grace = agents
        .iter()
        .map(|a| a.spec.termination_grace_period_seconds);
    let grace = Duration::from_secs(grace.max().unwrap_or(0).into());
    let mut changes = Changes::default();
    let look = async |agents: &[Arc<Agent>]| {
        let mut waiting = vec![];
        for agent in agents {
            if agent.metadata.deletion_timestamp.is_some() {
                continue;
            }
            let readiness = readiness::suspended(agent);
            let title = format!("Agent {}", agent.name_any());
            changes.note(progress, &title, &readiness);
            if !readiness.is_good() {
                waiting.push(format!("{title} {}", readiness.text));
            }
        }
        Ok(match waiting.is_empty() {
            true => Look::Done(()),
            false => Look::NotYet(waiting.join("; ")),
        })
    };
    let deadline = Deadline::new(MARGIN + grace, interrupt);
    deadline
        .watch("Suspension of Agents", Api::all(client.clone()), look)
        .await
}

/// Stops what Nodes run for themselves, chat servers above all. The operator must be stopped already: it would start
/// them again, which it does at the next `up`.
async fn stop_components(config: &SwarmConfig, progress: &Progress) -> Result<()> {
    let Some(id) = &config.swarm_id else {
        return Ok(());
    };
    let engine = check::engine(&config.socket, id)?;
    let all = engine.list().await.map_err(check::engine_error)?;
    let components = all.iter().filter(|c| c.running);
    let components = components.filter_map(|c| Some((&c.id, c.labels.get(labels::COMPONENT)?)));
    try_join_all(components.map(async |(id, component)| {
        engine
            .stop(id, GOODBYE_SECONDS)
            .await
            .map_err(check::engine_error)?;
        progress.step(format_args!("{NAME}{component}{NAME:#} stopped"));
        anyhow::Ok(())
    }))
    .await?;
    Ok(())
}
