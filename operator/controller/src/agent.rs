//! The Agent loop: dereference → validate → observe → plan → execute → status.

mod converge;
mod credentials;
mod dereference;
mod desired;
mod execute;
mod identity;
mod observe;
mod pace;
mod placement;
mod report;
mod reported;
mod standing;
mod status;
mod words;

use std::{sync::Arc, time::Duration};

use agentchat_api::{Agent, AgentPhase, AgentStatus, FINALIZER, volume_name};
use agentchat_driver::{Container, ContainerPhase};
use agentchat_plan::{Verdict, retry_delay};
use k8s_openapi::jiff::Timestamp;
use kube::{
    Api, ResourceExt,
    runtime::{
        controller::Action,
        finalizer::{Event, finalizer},
    },
};

pub use placement::server;

use crate::{context::Context, error::Error, live::Key};

/// How often a converged agent is looked at all the same.
const RESYNC: Duration = Duration::from_secs(30);
/// How soon an agent that waits for something is looked at again; what it waits for also wakes it.
const WAITING: Duration = Duration::from_secs(2);

/// Something that an agent needs is not there (yet).
#[derive(Clone, Debug)]
pub struct Missing {
    condition: &'static str,
    reason: &'static str,
    message: String,
}

impl Missing {
    fn new(condition: &'static str, reason: &'static str, message: String) -> Self {
        Self {
            condition,
            reason,
            message,
        }
    }
}

/// What one reconcile found out.
#[derive(Default)]
struct Seen {
    /// The agent's containers; `None` while the engine has not answered.
    containers: Option<Vec<Container>>,
    /// Where the agent stands by the last plan.
    verdict: Option<Verdict>,
    /// What is missing, if something is.
    missing: Option<Missing>,
}

impl Seen {
    fn runs(&self) -> bool {
        let running = |c: &Container| c.phase == ContainerPhase::Running;
        self.containers.iter().flatten().any(running)
    }

    fn container(&self, id: &str) -> Option<&Container> {
        self.containers.iter().flatten().find(|c| c.id == id)
    }

    fn verdict(&self) -> &Verdict {
        self.verdict.as_ref().unwrap_or(&Verdict::Unknown)
    }
}

/// Brings one Agent closer to what its manifest says.
#[tracing::instrument(name = "agent", skip_all, fields(namespace = agent.namespace(), name = agent.name_any()))]
pub async fn reconcile(agent: Arc<Agent>, context: Arc<Context>) -> Result<Action, Error> {
    let namespace = agent
        .namespace()
        .ok_or_else(|| Error::Invalid("an Agent without a namespace".into()))?;
    let api = Api::<Agent>::namespaced(context.client.clone(), &namespace);
    let act = finalizer(&api, FINALIZER, agent, |event| async {
        match event {
            Event::Apply(agent) => apply(&agent, &context).await,
            Event::Cleanup(agent) => cleanup(&agent, &context).await,
        }
    });
    tokio::select! {
        outcome = act => Ok(outcome?),
        () = context.out_of_time() => Err(Error::Stopping),
    }
}

/// When an Agent whose reconcile failed is looked at again.
pub fn retry(agent: &Agent, error: &Error, context: &Context) -> Action {
    let failures = context.live.with(&key(agent), |entry| entry.failures);
    Action::requeue(retry_delay(error.retry_after(), failures))
}

async fn apply(agent: &Agent, context: &Arc<Context>) -> Result<Action, Error> {
    let key = key(agent);
    let before = status::newest(agent, context);
    let (mut next, mut seen) = (before.clone(), Seen::default());
    let outcome = converge::converge(agent, context, &mut seen, &mut next).await;
    let runs = *seen.verdict() == Verdict::Running;
    let (report, failures) = context.live.with(&key, |entry| {
        if !runs {
            entry.end_following();
        }
        entry.failures = match outcome {
            Ok(()) if seen.missing.is_none() => 0,
            _ => entry.failures.saturating_add(1),
        };
        (entry.report.clone(), entry.failures)
    });
    if seen.containers.is_some() && seen.verdict.is_some() {
        standing::settle(agent, &seen, &report, &before, &mut next);
    }
    if let Err(error) = &outcome {
        status::fail(agent, &seen, error, &mut next);
    }
    status::write(agent, context, &before, &next).await?;
    outcome?;
    if let (true, Some(id)) = (runs, &next.container_id) {
        report::follow(context, &key, id);
    }
    tracing::debug!(?key, phase = ?next.phase, failures, "looked at");
    Ok(Action::requeue(match seen.verdict() {
        _ if seen.missing.is_some() => retry_delay(WAITING, failures).min(RESYNC),
        Verdict::BackingOff { until } => {
            let seconds = (until - Timestamp::now().as_second()).max(1);
            Duration::from_secs(seconds.unsigned_abs()).min(RESYNC)
        }
        Verdict::Converging => WAITING,
        _ => RESYNC,
    }))
}

/// Removes what the agent ran in; its identity Secret is kept.
async fn cleanup(agent: &Agent, context: &Context) -> Result<Action, Error> {
    let key = key(agent);
    let before = status::newest(agent, context);
    let mut next = before.clone();
    next.phase = Some(AgentPhase::Terminating);
    standing::set(agent, &mut next, "Ready", Some(false), ("Terminating", ""));
    status::write(agent, context, &before, &next).await?;
    let removed = remove(agent, context, &mut next).await;
    if let Err(error) = removed {
        let before = status::newest(agent, context);
        status::fail(agent, &Seen::default(), &error, &mut next);
        next.phase = Some(AgentPhase::Terminating);
        status::write(agent, context, &before, &next).await?;
        context
            .live
            .with(&key, |e| e.failures = e.failures.saturating_add(1));
        return Err(error);
    }
    context.live.forget(&key);
    Ok(Action::await_change())
}

async fn remove(agent: &Agent, context: &Context, next: &mut AgentStatus) -> Result<(), Error> {
    let key = key(agent);
    context.live.with(&key, crate::live::Entry::end_following);
    if !converge::remove(agent, context, &mut Seen::default(), next).await? {
        return Err(Error::Invalid(
            "its container is there again as soon as it is removed".into(),
        ));
    }
    let volume = volume_name(&context.settings.swarm, &key.0, &key.1);
    Ok(context.engine.remove_volume(&volume).await?)
}

fn key(agent: &Agent) -> Key {
    (agent.namespace().unwrap_or_default(), agent.name_any())
}
