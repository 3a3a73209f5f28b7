//! Carries a plan out. No decisions are left here.

use std::sync::Arc;

use agentchat_api::AgentStatus;
use agentchat_contract::Delivery;
use agentchat_driver::ContainerSpec;
use agentchat_plan::Action;
use tracing::info;

use super::{
    observe::{observe, run_of},
    surroundings,
};
use crate::{context::Context, error::Error};

/// Carries out the actions in order; the first failure ends it, and the next reconcile looks anew.
pub async fn execute(
    context: &Arc<Context>,
    key: &(String, String),
    actions: &[Action],
    (spec, delivery): (&ContainerSpec, &Delivery),
    next: &mut AgentStatus,
) -> Result<(), Error> {
    for action in actions {
        match action {
            Action::Create => {
                surroundings(context, spec).await?;
                let id = context.engine.create(spec).await?;
                info!(id, image = spec.image, "container created");
            }
            Action::Start { id, again } => {
                context.engine.start(id).await?;
                if *again {
                    next.restarts = Some(next.restarts.unwrap_or(0).saturating_add(1));
                    count_restart(context, key, next);
                }
                info!(id, again, "container started");
            }
            Action::Deliver { id } => deliver(context, key, id, delivery).await?,
            Action::Stop { id } => {
                context.engine.stop(id, spec.stop_timeout_seconds).await?;
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
    key: &(String, String),
    id: &str,
    delivery: &Delivery,
) -> Result<(), Error> {
    let containers = observe(context, key).await?;
    let Some(container) = containers.iter().find(|c| c.id == id) else {
        return Ok(());
    };
    context.live.enter(key, &run_of(container));
    context.engine.deliver(id, delivery).await?;
    let digest = super::desired::delivery_digest(delivery);
    context
        .live
        .with(key, |entry| entry.delivered = Some(digest));
    info!(id, "configuration delivered");
    Ok(())
}

/// A stable run before this start begins the count anew.
fn count_restart(context: &Context, key: &(String, String), next: &AgentStatus) {
    use k8s_openapi::jiff::Timestamp;
    let at = |t: Option<&String>| Some(t?.parse::<Timestamp>().ok()?.as_second());
    let finished = at(next
        .last_termination
        .as_ref()
        .and_then(|t| t.finished_at.as_ref()));
    let ran = finished
        .zip(at(next.container_started_at.as_ref()))
        .map_or(0, |(end, start)| end - start);
    context.live.with(key, |entry| {
        let stable = ran > 0 && agentchat_plan::restart_delay_seconds(1, ran) == 0;
        entry.consecutive_restarts = if stable {
            1
        } else {
            entry.consecutive_restarts.saturating_add(1)
        };
    });
}
