//! Carries a plan out. No decisions are left here.

use agentchat_api::{Agent, AgentStatus, network_name};
use agentchat_driver::ContainerSpec;
use agentchat_plan::{Action, Start};
use tracing::info;

use super::{
    Seen,
    desired::{Build, delivery_digest},
    observe::{look, run_of},
};
use crate::{context::Context, error::Error, live::Key};

/// Carries out the actions in order; the first failure ends it, and the next reconcile looks anew.
pub async fn execute(
    agent: &Agent,
    context: &Context,
    actions: &[Action],
    build: Option<&Build>,
    seen: &mut Seen,
    next: &mut AgentStatus,
) -> Result<(), Error> {
    let key = super::key(agent);
    let built = || build.ok_or_else(|| Error::Invalid("there is nothing to start".into()));
    for action in actions {
        match action {
            Action::Create => {
                let spec = &built()?.spec;
                surroundings(context, spec).await?;
                let id = context.engine.create(spec).await?;
                info!(id, image = spec.image, "container created");
            }
            Action::Start { id, start } => {
                context.engine.start(id).await?;
                if let Start::Restart { in_a_row } = start {
                    next.restarts = Some(next.restarts.unwrap_or(0).saturating_add(1));
                    context.live.with(&key, |entry| {
                        entry.restarts_in_a_row = (id.clone(), *in_a_row);
                    });
                }
                info!(id, ?start, "container started");
            }
            Action::Deliver { id } => {
                // Into which run it goes shows only now.
                look(agent, context, seen, next).await?;
                deliver(context, &key, id, built()?, seen).await?;
            }
            Action::Stop { id } => {
                let run = seen.container(id).map(run_of);
                context.live.with(&key, |entry| entry.stopped = run);
                let grace = agent.spec.termination_grace_period_seconds;
                context.engine.stop(id, grace).await?;
                info!(id, "container stopped");
            }
            Action::Remove { id } => {
                context.engine.remove(id).await?;
                info!(id, "container removed");
            }
        }
    }
    Ok(())
}

/// Hands over configuration and secrets, and notes into which run.
async fn deliver(
    context: &Context,
    key: &Key,
    id: &str,
    build: &Build,
    seen: &Seen,
) -> Result<(), Error> {
    let Some(container) = seen.container(id) else {
        return Ok(());
    };
    context.engine.deliver(id, &build.delivery).await?;
    let digest = delivery_digest(&build.delivery);
    context.live.during(key, &run_of(container), |entry| {
        entry.delivered = Some(digest);
    });
    info!(id, "configuration delivered");
    Ok(())
}

/// Network and volume that a container needs before it is made.
async fn surroundings(context: &Context, spec: &ContainerSpec) -> Result<(), Error> {
    let network = network_name(&context.settings.swarm);
    context.engine.ensure_network(&network).await?;
    context
        .engine
        .ensure_volume(&spec.home_volume, &spec.labels)
        .await?;
    Ok(())
}
