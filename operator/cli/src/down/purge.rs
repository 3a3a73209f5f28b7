//! Removal of everything that a swarm has on its engine.

use std::time::Duration;

use agentchat_api::{Agent, Node};
use agentchat_driver::{Engine, EngineError};
use anyhow::{Result, bail};
use kube::Client;
use tokio_util::sync::CancellationToken;

use crate::{
    check, control::list, delete::Deletion, output::Progress, state::SwarmConfig, wait::Deadline,
};

/// How long the removal of all Agents, or of all Nodes, may take; what they run is stopped already.
const REMOVAL: Duration = Duration::from_secs(120);

/// Deletes Agents, then Nodes, and checks that the engine has nothing of the swarm any more.
pub async fn purge(
    client: &Client,
    progress: &Progress,
    config: &SwarmConfig,
    force: bool,
    interrupt: &CancellationToken,
) -> Result<()> {
    let deletion = Deletion {
        client,
        force,
        forced_by: "agentctl down --purge --force",
    };
    let agents = list::<Agent>(client).await?;
    deletion.delete(&agents).await?;
    deletion
        .wait(&agents, &Deadline::new(REMOVAL, interrupt))
        .await?;
    let nodes = list::<Node>(client).await?;
    deletion.delete(&nodes).await?;
    deletion
        .wait(&nodes, &Deadline::new(REMOVAL, interrupt))
        .await?;
    let (agents, nodes) = (agents.len(), nodes.len());
    if agents + nodes > 0 {
        progress.step(format_args!(
            "{agents} Agent(s) and {nodes} Node(s) removed"
        ));
    }
    let Some(id) = &config.swarm_id else {
        return Ok(());
    };
    let owned = async { check::engine(&config.socket, id)?.owned().await };
    let left = match owned.await {
        Ok(left) => left,
        Err(EngineError::Unreachable { reason, .. }) if force => {
            progress.note(format_args!(
                "what the swarm has on {} is given up: {reason}",
                config.socket.display()
            ));
            return Ok(());
        }
        Err(error) => return Err(check::engine_error(error)),
    };
    if !left.is_empty() {
        let left: Vec<_> = left
            .iter()
            .map(|o| format!("{} {}", o.kind, o.name))
            .collect();
        bail!(
            "the engine still has {}; remove them with podman, then call `down --purge` again",
            left.join(", ")
        );
    }
    Ok(())
}
