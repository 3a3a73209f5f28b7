//! The Agent loop: dereference → validate → observe → plan → execute → status.

mod credentials;
mod dereference;
mod desired;
mod execute;
mod identity;
mod observe;
mod report;
mod status;

use std::{sync::Arc, time::Duration};

use agentchat_api::{Agent, AgentPhase, AgentStatus, FINALIZER, network_name, volume_name};
use agentchat_plan::{Desired, Observed, Verdict, plan};
use k8s_openapi::jiff::Timestamp;
use kube::{
    Api, ResourceExt,
    runtime::{
        controller::Action,
        finalizer::{Event, finalizer},
    },
};

use crate::{context::Context, error::Error};

/// How often a converged agent is looked at all the same.
const RESYNC: Duration = Duration::from_secs(30);
/// How soon an agent that waits for something is looked at again; what it waits for also wakes it.
const WAITING: Duration = Duration::from_secs(2);
/// Passes of observe → plan → execute within one reconcile.
const PASSES: usize = 4;

/// Something that an agent needs is not there (yet).
#[derive(Debug)]
struct Missing {
    condition: &'static str,
    reason: &'static str,
    message: String,
}

/// Brings one Agent closer to what its manifest says.
#[tracing::instrument(name = "agent", skip_all, fields(namespace = agent.namespace(), name = agent.name_any()))]
pub async fn reconcile(agent: Arc<Agent>, context: Arc<Context>) -> Result<Action, Error> {
    let namespace = agent
        .namespace()
        .ok_or_else(|| Error::Invalid("an Agent without a namespace".into()))?;
    let api = Api::<Agent>::namespaced(context.client.clone(), &namespace);
    let outcome = finalizer(&api, FINALIZER, agent, |event| async {
        match event {
            Event::Apply(agent) => apply(&agent, &context).await,
            Event::Cleanup(agent) => cleanup(&agent, &context).await,
        }
    });
    Ok(outcome.await?)
}

async fn apply(agent: &Agent, context: &Arc<Context>) -> Result<Action, Error> {
    let key = key(agent);
    let mut next = agent.status.clone().unwrap_or_default();
    let result = converge(agent, context, &mut next).await;
    let action = match &result {
        Ok(Ok(verdict)) => {
            status::running(agent, context, &mut next, verdict);
            match verdict {
                Verdict::BackingOff { until } => {
                    let seconds = (until - Timestamp::now().as_second()).max(1);
                    Action::requeue(Duration::from_secs(seconds.unsigned_abs()))
                }
                Verdict::Converging => Action::requeue(WAITING),
                _ => Action::requeue(RESYNC),
            }
        }
        Ok(Err(missing)) => {
            status::waiting(agent, &mut next, missing);
            Action::requeue(WAITING)
        }
        Err(error) => {
            status::failing(agent, &mut next, error);
            Action::await_change()
        }
    };
    status::write(agent, context, &next).await?;
    result.map(|_| {
        tracing::debug!(?key, phase = ?next.phase, "looked at");
        action
    })
}

/// Passes of observe → plan → execute, until there is nothing left to do.
async fn converge(
    agent: &Agent,
    context: &Arc<Context>,
    next: &mut AgentStatus,
) -> Result<Result<Verdict, Missing>, Error> {
    let key = key(agent);
    let needs = match dereference::dereference(agent, context, next).await? {
        Ok(needs) => needs,
        Err(missing) => return Ok(Err(missing)),
    };
    let (desired, spec, delivery) = desired::desired(agent, context, &needs)?;
    if desired.run
        && let Err(missing) = dereference::image(context, &spec, next).await?
    {
        return Ok(Err(missing));
    }
    let mut verdict = Verdict::Converging;
    for _ in 0..PASSES {
        let containers = observe::observe(context, &key).await?;
        observe::record(context, &key, &containers, next);
        let desired = Desired {
            consecutive_restarts: context.live.with(&key, |entry| entry.consecutive_restarts),
            ..desired.clone()
        };
        let observed = Observed::Known(observe::views(context, &key, &containers));
        let plan = plan(&desired, &observed, Timestamp::now().as_second());
        verdict = plan.verdict;
        if plan.actions.is_empty() {
            break;
        }
        if desired.run
            && let Some(identity) = &needs.identity
        {
            context
                .chat
                .approve(&needs.server, &identity.public_key_pem(), &spec.name)
                .await?;
        }
        execute::execute(context, &key, &plan.actions, (&spec, &delivery), next).await?;
    }
    if verdict == Verdict::Running {
        report::follow(context, &key, next.container_id.as_deref());
    }
    Ok(Ok(verdict))
}

/// Removes what the agent ran in; its identity Secret is kept.
async fn cleanup(agent: &Agent, context: &Arc<Context>) -> Result<Action, Error> {
    let key = key(agent);
    let mut next = agent.status.clone().unwrap_or_default();
    next.phase = Some(AgentPhase::Terminating);
    status::write(agent, context, &next).await?;
    for container in observe::observe(context, &key).await? {
        context
            .engine
            .stop(&container.id, agent.spec.termination_grace_period_seconds)
            .await?;
        context.engine.remove(&container.id).await?;
    }
    context
        .engine
        .remove_volume(&volume_name(&context.settings.swarm, &key.0, &key.1))
        .await?;
    context.live.forget(&key);
    Ok(Action::await_change())
}

fn key(agent: &Agent) -> (String, String) {
    (agent.namespace().unwrap_or_default(), agent.name_any())
}

/// Network and volume that a container needs before it is made.
async fn surroundings(
    context: &Context,
    spec: &agentchat_driver::ContainerSpec,
) -> Result<(), Error> {
    context
        .engine
        .ensure_network(&network_name(&context.settings.swarm))
        .await?;
    context
        .engine
        .ensure_volume(&spec.home_volume, &spec.labels)
        .await?;
    Ok(())
}
