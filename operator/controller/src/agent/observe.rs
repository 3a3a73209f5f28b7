//! What the engine shows of one agent.

use agentchat_api::{AgentStatus, LastTermination};
use agentchat_contract::TerminationReason;
use agentchat_driver::{Container, ContainerPhase, labels};
use agentchat_plan::{ObservedContainer, ObservedPhase};
use k8s_openapi::jiff::Timestamp;

use crate::{context::Context, error::Error};

/// The agent's containers, in any state.
pub async fn observe(context: &Context, key: &(String, String)) -> Result<Vec<Container>, Error> {
    let mut all = context.engine.list().await?;
    let is = |c: &Container, label, value: &String| c.labels.get(label) == Some(value);
    all.retain(|c| is(c, labels::NAMESPACE, &key.0) && is(c, labels::NAME, &key.1));
    Ok(all)
}

/// What tells one run of a container from the next.
pub fn run_of(container: &Container) -> String {
    format!(
        "{} {}",
        container.id,
        container.started_at.as_deref().unwrap_or("-")
    )
}

/// The containers as the plan sees them.
pub fn views(
    context: &Context,
    key: &(String, String),
    containers: &[Container],
) -> Vec<ObservedContainer> {
    let seconds = |t: &Option<String>| Some(t.as_deref()?.parse::<Timestamp>().ok()?.as_second());
    let view = |c: &Container| ObservedContainer {
        id: c.id.clone(),
        phase: match c.phase {
            ContainerPhase::Created => ObservedPhase::Created,
            ContainerPhase::Running => ObservedPhase::Running,
            ContainerPhase::Exited => ObservedPhase::Exited,
            ContainerPhase::Other => ObservedPhase::Other,
        },
        spec_hash: c.labels.get(labels::SPEC_HASH).cloned().unwrap_or_default(),
        exit_code: c.exit_code,
        delivered: context.live.with(key, |entry| {
            (entry.run == run_of(c))
                .then(|| entry.delivered.clone())
                .flatten()
        }),
        started_at: seconds(&c.started_at),
        finished_at: seconds(&c.finished_at),
    };
    containers.iter().map(view).collect()
}

/// Notes what was seen: the current container, and how the last run ended.
pub fn record(
    context: &Context,
    key: &(String, String),
    containers: &[Container],
    next: &mut AgentStatus,
) {
    let running = containers
        .iter()
        .find(|c| c.phase == ContainerPhase::Running);
    let current = running.or_else(|| containers.first());
    next.container_id = current.map(|c| c.id.clone());
    let Some(current) = current else { return };
    if current.phase == ContainerPhase::Running {
        context.live.enter(key, &run_of(current));
        next.container_started_at = current.started_at.clone();
    }
    if current.phase == ContainerPhase::Exited {
        let reason = match current.exit_code {
            _ if current.oom_killed => "OOMKilled".to_owned(),
            Some(code) => match i32::try_from(code) {
                Ok(code) if code >= 128 => "Killed".to_owned(),
                Ok(code) => format!("{:?}", TerminationReason::from_exit_code(code)),
                Err(_) => "Error".to_owned(),
            },
            None => "Unknown".to_owned(),
        };
        next.last_termination = Some(LastTermination {
            reason,
            exit_code: current.exit_code,
            oom: current.oom_killed,
            finished_at: current.finished_at.clone(),
        });
    }
}
