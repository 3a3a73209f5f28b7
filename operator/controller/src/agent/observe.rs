//! What the engine shows of one agent.

use agentchat_api::{Agent, AgentStatus, LastTermination};
use agentchat_contract::TerminationReason;
use agentchat_driver::{Container, ContainerPhase, labels};
use agentchat_plan::{ObservedContainer, ObservedPhase};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;

use super::Seen;
use crate::{context::Context, error::Error, live::Key};

/// Why a run ended that was asked to.
const STOPPED: &str = "Stopped";
/// Exit codes of a run that did as it was asked: by itself, by SIGTERM, by SIGKILL after its grace period.
const STOPPED_CODES: [i64; 3] = [0, 137, 143];

/// What tells one run of a container from the next.
pub fn run_of(container: &Container) -> String {
    let started = container.started_at.as_deref().unwrap_or("-");
    format!("{} {started}", container.id)
}

/// Looks at the agent's containers, and notes what they say about the current run and the last end.
pub async fn look(
    agent: &Agent,
    context: &Context,
    seen: &mut Seen,
    next: &mut AgentStatus,
) -> Result<(), Error> {
    let key = super::key(agent);
    seen.containers = None;
    let containers = context.engine.find(&key.0, &key.1).await?;
    let current = current(&containers);
    next.container_id = current.map(|c| c.id.clone());
    if let Some(current) = current {
        next.image = Some(image(current));
        match current.phase {
            ContainerPhase::Running => {
                context
                    .live
                    .with(&key, |entry| entry.enter(&run_of(current)));
                next.container_started_at.clone_from(&current.started_at);
            }
            ContainerPhase::Exited => note_end(agent, context, &key, current, next),
            ContainerPhase::Created | ContainerPhase::Other => {}
        }
    }
    seen.containers = Some(containers);
    Ok(())
}

/// The container that speaks for the agent: the running one if there is one.
pub fn current(containers: &[Container]) -> Option<&Container> {
    containers
        .iter()
        .min_by_key(|c| c.phase != ContainerPhase::Running)
}

/// Image and digest.
fn image(container: &Container) -> String {
    let id = container.image_id.trim_start_matches("sha256:");
    format!("{}@sha256:{id}", container.image)
}

/// Notes how a run ended, once: what was noted when it was fresh is kept.
fn note_end(
    agent: &Agent,
    context: &Context,
    key: &Key,
    container: &Container,
    next: &mut AgentStatus,
) {
    let noted = next.last_termination.as_ref();
    if noted.is_some_and(|t| t.finished_at.is_some() && t.finished_at == container.finished_at) {
        return;
    }
    let asked = context.live.with(key, |entry| {
        entry.stopped.as_deref() == Some(&run_of(container))
    });
    let code = container.exit_code;
    // An operator that was started anew does not know whom it asked; who rests and ended well was asked.
    let stopped = (asked && code.is_some_and(|code| STOPPED_CODES.contains(&code)))
        || (agent.spec.suspend && code == Some(0));
    next.last_termination = Some(LastTermination {
        reason: if stopped {
            STOPPED.to_owned()
        } else {
            reason(container)
        },
        exit_code: code,
        oom: container.oom_killed,
        finished_at: container.finished_at.clone(),
    });
}

fn reason(container: &Container) -> String {
    let code = container.exit_code.map(i32::try_from);
    match code {
        _ if container.oom_killed => "OOMKilled".to_owned(),
        Some(Ok(code)) if code >= 128 => "Killed".to_owned(),
        Some(Ok(code)) => super::words::reason(TerminationReason::from_exit_code(code)).to_owned(),
        Some(Err(_)) => "Error".to_owned(),
        None => "Unknown".to_owned(),
    }
}

/// The containers as the plan sees them.
pub fn views(
    agent: &Agent,
    context: &Context,
    containers: &[Container],
    status: &AgentStatus,
) -> Vec<ObservedContainer> {
    let (key, uid) = (super::key(agent), agent.uid().unwrap_or_default());
    let seconds = |t: &Option<String>| Some(t.as_deref()?.parse::<Timestamp>().ok()?.as_second());
    let end = status.last_termination.as_ref();
    let view = |c: &Container| {
        let own = c.labels.get(labels::UID) == Some(&uid);
        let stopped = end.is_some_and(|t| {
            t.reason == STOPPED && t.finished_at.is_some() && t.finished_at == c.finished_at
        });
        let (delivered, restarts_in_a_row) = context.live.with(&key, |entry| {
            let delivered = entry.delivered.clone().filter(|_| entry.run == run_of(c));
            let (id, count) = &entry.restarts_in_a_row;
            (delivered, if *id == c.id { *count } else { 0 })
        });
        ObservedContainer {
            id: c.id.clone(),
            phase: match c.phase {
                ContainerPhase::Created => ObservedPhase::Created,
                ContainerPhase::Running => ObservedPhase::Running,
                ContainerPhase::Exited => ObservedPhase::Exited,
                ContainerPhase::Other => ObservedPhase::Other,
            },
            spec_hash: c.labels.get(labels::SPEC_HASH).cloned().filter(|_| own),
            exit_code: c.exit_code,
            stopped,
            delivered,
            restarts_in_a_row,
            started_at: seconds(&c.started_at),
            finished_at: seconds(&c.finished_at),
        }
    };
    containers.iter().map(view).collect()
}
