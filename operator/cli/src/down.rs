//! `agentctl down`: agents rest, services end, everything that they have made is kept; with `--purge` nothing is.

mod purge;
mod spent;

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use agentchat_api::Agent;
use anyhow::Result;
use clap::Args;
use kube::{Client, ResourceExt};
use tokio_util::sync::CancellationToken;

use crate::{
    check::{self, Engine},
    control::OPERATOR,
    get::all_agents,
    help,
    output::{self, Progress},
    service, standing,
    state::{Credentials, Lock, Remembered, State},
    suspension,
    swarm::Swarm,
    wait::{Changes, Look, Patience},
};

/// How long agents may take beyond what they are granted to stop.
const MARGIN: Duration = Duration::from_secs(60);

/// Takes a swarm down: agents rest, services end, what they have made is kept.
#[derive(Debug, Args)]
#[command(after_help = help::DOWN)]
pub struct Down {
    /// Removes everything: agents with all that they have made, Nodes, history, keys.
    #[arg(long)]
    purge: bool,
}

impl Down {
    /// Carries it out.
    pub async fn run(&self, state: &State) -> Result<()> {
        let progress = Progress::start();
        let lock = if state.exists() {
            Lock::take(state, &progress).await?
        } else {
            None
        };
        let Some(_lock) = lock else {
            progress.step(format_args!(
                "swarm {} is not there: nothing to do",
                state.swarm()
            ));
            return Ok(());
        };
        take_down(state, progress, self.purge, &CancellationToken::new()).await
    }
}

/// Takes the swarm down; the caller holds the lock.
pub async fn take_down(
    state: &State,
    progress: Progress,
    purge: bool,
    interrupt: &CancellationToken,
) -> Result<()> {
    let remembered = Remembered::read(state)?;
    if let Some(mut remembered) = remembered {
        let at_rest = remembered.down && service::running(state, OPERATOR)?.is_none();
        if purge || !at_rest {
            let mut swarm = Swarm::new(state, progress, interrupt);
            let client = reach(&progress, &remembered, &mut swarm, purge).await?;
            let agents = rest(&client, &progress, interrupt).await?;
            let scripted = remembered.credentials == Credentials::ScriptedModel;
            output::put_somewhere(spent::table(&agents, scripted));
            if purge {
                purge::purge(&client, &progress, &remembered, interrupt).await?;
            }
        }
        stop_services(state, &progress).await?;
        remembered.down = true;
        remembered.write(state)?;
    } else {
        stop_services(state, &progress).await?;
    }
    if purge {
        state.remove()?;
        progress.good(format_args!(
            "swarm {} is gone, with everything that was its own",
            state.swarm()
        ));
    } else {
        let swarm = state.swarm();
        progress.good(format_args!(
            "swarm {swarm} is down; what agents have made is kept, `agentctl up --swarm {swarm}` goes on from here"
        ));
    }
    Ok(())
}

/// A client of the operator, which is started again when it does not run: without it, containers would go on.
async fn reach(
    progress: &Progress,
    remembered: &Remembered,
    swarm: &mut Swarm<'_>,
    purge: bool,
) -> Result<Client> {
    if let Some(client) = swarm.operator_that_runs().await? {
        return Ok(client);
    }
    let what = if purge { "removed" } else { "stopped" };
    progress.note(format_args!(
        "the operator does not run; it is started once more, so that containers are {what}"
    ));
    Engine::at(&remembered.socket).version().await?;
    let mut chosen = remembered.clone();
    if check::free(chosen.api_listen, "The API", "--api-listen").is_err() {
        chosen.api_listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    }
    swarm.operator(&chosen).await
}

/// Asks all agents to rest and waits until nothing of them runs; gives them as they stand then.
async fn rest(
    client: &Client,
    progress: &Progress,
    interrupt: &CancellationToken,
) -> Result<Vec<Agent>> {
    suspension::suspend(client).await?;
    let agents = all_agents(client).await?;
    let grace = agents
        .iter()
        .map(|a| a.spec.termination_grace_period_seconds)
        .max()
        .unwrap_or(0);
    let patience = Patience::new(MARGIN + Duration::from_secs(grace.into()), interrupt);
    let mut changes = Changes::default();
    let look = async || {
        let agents = all_agents(client).await?;
        let mut waiting = vec![];
        for agent in &agents {
            if agent.metadata.deletion_timestamp.is_some() {
                continue;
            }
            let standing = standing::rest(agent);
            let title = format!("Agent {}", agent.name_any());
            changes.note(progress, &title, &standing);
            if !standing.is_good() {
                waiting.push(format!("{} {}", agent.name_any(), standing.text));
            }
        }
        Ok(if waiting.is_empty() {
            Look::Done(agents)
        } else {
            Look::NotYet(waiting.join("; "))
        })
    };
    patience.until("Agents at rest", look).await
}

/// Ends every service of the swarm, the operator first: nothing is to be done any more.
pub async fn stop_services(state: &State, progress: &Progress) -> Result<()> {
    let mut names = state.services()?;
    names.sort_by_key(|name| name != OPERATOR);
    for name in names {
        if service::stop(state, &name).await? {
            progress.step(format_args!(
                "{}{name}{:#} stopped",
                output::NAME,
                output::NAME
            ));
        }
    }
    Ok(())
}
