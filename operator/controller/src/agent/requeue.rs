//! When an Agent is reconciled again, if nothing wakes it before.

use std::time::Duration;

use agentchat_api::{Agent, Reason};
use agentchat_plan::{Plan, Unmet, Verdict, retry_delay};
use k8s_openapi::jiff::Timestamp;
use kube::runtime::controller::Action;

use super::{
    execute::Outcomes,
    validate::{Intent, ValidatedAgent},
};
use crate::{
    cache::key_of,
    context::Context,
    error::{Error, Retry},
};

/// How often a converged agent is reconciled all the same.
const RESYNC: Duration = Duration::from_secs(30);
/// How soon an agent that waits for something is reconciled again; what it waits for also wakes it.
const WAITING: Duration = Duration::from_secs(2);
/// Passes in a row that changed something, after which the next one waits.
const PASSES: u32 = 4;

/// After a pass. A deletion has succeeded only when everything of it was carried out; otherwise it is an error, and
/// the finalizer stays.
pub fn after(
    agent: &ValidatedAgent,
    plan: &Plan,
    outcomes: Outcomes,
    context: &Context,
) -> Result<Action, Error> {
    let waits_for = waits_for(agent, plan);
    let changed = outcomes.done > 0;
    let (failures, passes) = context.agents.with(&agent.key, |cached| {
        let failed = waits_for.is_some() || outcomes.failed.is_some();
        // What waits for the next thing has got on.
        let again = failed && cached.waits_for == waits_for;
        cached.failures = if again {
            cached.failures + 1
        } else {
            failed.into()
        };
        cached.waits_for = waits_for;
        cached.passes = if changed { cached.passes + 1 } else { 0 };
        (cached.failures, cached.passes)
    });
    if let Some((_, error)) = outcomes.failed {
        return Err(error);
    }
    let deleting = matches!(agent.intent, Intent::Delete);
    if deleting && plan.verdict == Verdict::Unknown {
        return Err(Error::Unknown(
            "an engine that may have something of it does not answer".into(),
        ));
    }
    if deleting {
        return Ok(Action::await_change());
    }
    Ok(Action::requeue(match plan.verdict {
        _ if waits_for.is_some() => retry_delay(WAITING, failures).min(RESYNC),
        _ if changed && passes <= PASSES => Duration::ZERO,
        Verdict::BackingOff { until } => {
            let seconds = (until - Timestamp::now().as_second()).max(1);
            Duration::from_secs(seconds.unsigned_abs()).min(RESYNC)
        }
        Verdict::Converging | Verdict::Unknown => WAITING,
        _ => RESYNC,
    }))
}

/// What keeps it from being brought up.
fn waits_for(agent: &ValidatedAgent, plan: &Plan) -> Option<Reason> {
    match (&agent.intent, plan.unmet) {
        (Intent::Hold(unmet), _) => Some(unmet.reason),
        (_, Some(Unmet::Image)) => Some(Reason::ImageNotFound),
        (_, Some(Unmet::Server)) => Some(Reason::ServerNotReady),
        (_, None) => None,
    }
}

/// After a reconcile that failed. What the API refuses for good is not tried again before the Agent changes.
pub fn after_error(agent: &Agent, error: &Error, context: &Context) -> Action {
    let Retry::After(first) = error.retry() else {
        return Action::await_change();
    };
    let failures = context
        .agents
        .if_there(&key_of(agent), |cached| cached.failures);
    Action::requeue(retry_delay(first, failures.unwrap_or(0)))
}
