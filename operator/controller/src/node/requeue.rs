//! When a Node is reconciled again, if nothing wakes it before.

use std::time::Duration;

use agentchat_api::{ConditionType, NodeStatus, find_condition};
use agentchat_plan::{Verdict, probe_delay};
use k8s_openapi::jiff::Timestamp;
use kube::runtime::controller::Action;

use super::{execute::Outcomes, plan::NodePlan};
use crate::error::{Error, Retry};

/// How often a Node is probed.
const PROBE: Duration = Duration::from_secs(10);

/// After a pass. A deletion has succeeded only when nothing of the Node is left; otherwise it is an error, and the
/// finalizer stays.
pub fn after(plan: &NodePlan, next: &NodeStatus, outcomes: Outcomes) -> Result<Action, Error> {
    if let Some(users) = &plan.in_use {
        return Err(Error::InUse(users.clone()));
    }
    if plan.teardown.is_some() {
        let error = outcomes.service_error.or(outcomes.chat_error);
        return match error.or(outcomes.teardown_error) {
            Some(error) => Err(error),
            None => Ok(Action::await_change()),
        };
    }
    if let Some(error) = outcomes.service_error {
        return Err(error);
    }
    if outcomes.done > 0 {
        return Ok(Action::requeue(Duration::ZERO));
    }
    let ready = find_condition(&next.conditions, ConditionType::Ready);
    let now = Timestamp::now();
    let next_start = plan.services.iter().filter_map(|plan| match plan.verdict {
        Verdict::BackingOff { until } => {
            let seconds = (until - now.as_second()).max(1);
            Some(Duration::from_secs(seconds.unsigned_abs()))
        }
        _ => None,
    });
    let delay = match ready {
        Some(ready) if ready.status == "True" => PROBE,
        Some(ready) => {
            let since = now.duration_since(ready.last_transition_time.0);
            probe_delay(Duration::try_from(since).unwrap_or_default())
        }
        None => PROBE,
    };
    Ok(Action::requeue(
        next_start.min().unwrap_or(delay).min(delay),
    ))
}

/// After a reconcile that failed. What the API refuses for good is not tried again before the Node changes.
pub fn after_error(error: &Error) -> Action {
    let Retry::After(delay) = error.retry() else {
        return Action::await_change();
    };
    Action::requeue(delay)
}
