//! The comparison itself.

#[cfg(test)]
mod tests;

use agentchat_contract::{TerminationReason, exit};

use crate::{
    Action, At, Containers, Desired, Observed, ObservedContainer, ObservedPhase, Plan, Start,
    Target, Unmet, Verdict, Workload,
    delay::{STABLE_SECONDS, restart_delay_seconds},
};

/// Compares; `now` in Unix seconds.
#[must_use]
pub fn plan(desired: &Desired, observed: &Observed, now: i64) -> Plan {
    let Containers::Known(containers) = &observed.containers else {
        return Plan::new(vec![], Verdict::Unknown);
    };
    match desired {
        Desired::Run(_) if observed.over_limit => {
            let ended = Verdict::Ended(TerminationReason::BudgetExhausted);
            Plan::new(stop_all(containers), ended)
        }
        Desired::Run(target) => run(target, observed, containers, now),
        Desired::Hold => Plan::new(vec![], running_or_stopped(containers)),
        Desired::Suspended => Plan::new(stop_all(containers), Verdict::Stopped),
        Desired::Absent => {
            let mut actions = remove(containers.iter());
            let volumes = observed.nodes.iter().cloned();
            actions.extend(volumes.map(|node| Action::RemoveVolume { node }));
            Plan::new(actions, Verdict::Stopped)
        }
    }
}

/// Removes every container but the one to keep, and brings that one up.
fn run(target: &Target, observed: &Observed, containers: &[ObservedContainer], now: i64) -> Plan {
    let keep = choose(containers, &target.spec_hash);
    let first = keep.is_none_or(|c| c.phase == ObservedPhase::Created);
    let unmet = match keep {
        None if observed.image_present == Some(false) => Some(Unmet::Image),
        _ if first && !target.server_ready => Some(Unmet::Server),
        _ => None,
    };
    if unmet.is_some() {
        let plan = Plan::new(vec![], running_or_stopped(containers));
        return Plan { unmet, ..plan };
    }
    let mut actions = vec![];
    if first && target.needs_approval && !observed.key_approved {
        actions.push(Action::ApproveKey);
    }
    actions.extend(remove(
        containers
            .iter()
            .filter(|c| Some(&c.at) != keep.map(|kept| &kept.at)),
    ));
    if observed.bound.as_ref() != Some(&target.node) {
        let node = target.node.clone();
        actions.push(Action::Bind { node });
    }
    let (more, verdict) = match keep {
        None => {
            let start = starting(At::Created, Start::First);
            let create = std::iter::once(Action::Create);
            (create.chain(start).collect(), Verdict::Converging)
        }
        Some(container) => bring_up(container, target, now),
    };
    actions.extend(more);
    Plan::new(actions, verdict)
}

/// The one container to keep: of the right hash, a running one first.
fn choose<'a>(containers: &'a [ObservedContainer], hash: &str) -> Option<&'a ObservedContainer> {
    containers
        .iter()
        .filter(|c| c.spec_hash.as_deref() == Some(hash))
        .min_by_key(|c| c.phase != ObservedPhase::Running)
}

/// Whether it may still run.
fn is_active(container: &&ObservedContainer) -> bool {
    matches!(
        container.phase,
        ObservedPhase::Running | ObservedPhase::Other
    )
}

/// What may still run is asked to stop first: it has its grace period.
fn remove<'a>(containers: impl Iterator<Item = &'a ObservedContainer>) -> Vec<Action> {
    let mut actions = vec![];
    for c in containers {
        if is_active(&c) {
            actions.push(Action::Stop { at: c.at.clone() });
        }
        actions.push(Action::Remove { at: c.at.clone() });
    }
    actions
}

fn stop_all(containers: &[ObservedContainer]) -> Vec<Action> {
    let active = containers.iter().filter(is_active);
    active.map(|c| Action::Stop { at: c.at.clone() }).collect()
}

fn running_or_stopped(containers: &[ObservedContainer]) -> Verdict {
    let running = |c: &ObservedContainer| c.phase == ObservedPhase::Running;
    if containers.iter().any(running) {
        Verdict::Running
    } else {
        Verdict::Stopped
    }
}

fn bring_up(c: &ObservedContainer, target: &Target, now: i64) -> (Vec<Action>, Verdict) {
    let digest = &target.delivery_digest;
    let at = At::Observed(c.at.clone());
    match c.phase {
        ObservedPhase::Running if c.delivered.as_ref() == Some(digest) => {
            (vec![], Verdict::Running)
        }
        ObservedPhase::Running => (vec![Action::Deliver { at }], Verdict::Converging),
        ObservedPhase::Created => (starting(at, Start::First), Verdict::Converging),
        ObservedPhase::Other => (vec![], Verdict::Converging),
        ObservedPhase::Exited => match next_start(c, target, now) {
            Ok(start) => (starting(at, start), Verdict::Converging),
            Err(verdict) => (vec![], verdict),
        },
    }
}

fn starting(at: At, start: Start) -> Vec<Action> {
    let deliver = Action::Deliver { at: at.clone() };
    vec![Action::Start { at, start }, deliver]
}

/// How a container that ended is started again, or why it is not.
fn next_start(c: &ObservedContainer, target: &Target, now: i64) -> Result<Start, Verdict> {
    if c.stopped {
        return Ok(Start::Resume);
    }
    if target.workload == Workload::Agent
        && let Some(reason) = final_reason(c.exit_code)
    {
        let with = c.started_with.as_deref();
        return if retry_allowed(reason, with, &target.delivery_digest) {
            Ok(Start::Resume)
        } else {
            Err(Verdict::Ended(reason))
        };
    }
    // The engine's clock may be ahead of ours; nobody waits for that.
    let finished = c.finished_at.unwrap_or(now).min(now);
    let ran = finished - c.started_at.unwrap_or(finished);
    let until = finished + restart_delay_seconds(target.workload, c.restarts_in_a_row, ran);
    if now < until {
        return Err(Verdict::BackingOff { until });
    }
    let before = if ran >= STABLE_SECONDS {
        0
    } else {
        c.restarts_in_a_row
    };
    let in_a_row = before.saturating_add(1);
    Ok(Start::Restart { in_a_row })
}

/// Exit codes of PID 1 after which a restart by itself would change nothing. Code 0 is no such end: PID 1
/// also ends with it when somebody stopped the container behind our back.
fn final_reason(exit_code: Option<i64>) -> Option<TerminationReason> {
    match i32::try_from(exit_code?).ok()? {
        exit::FATAL => Some(TerminationReason::Fatal),
        exit::RESTARTS_EXHAUSTED => Some(TerminationReason::RestartsExhausted),
        exit::AUTHENTICATION_REFUSED => Some(TerminationReason::AuthenticationRefused),
        exit::QUOTA_EXHAUSTED => Some(TerminationReason::QuotaExhausted),
        exit::BUDGET_EXHAUSTED => Some(TerminationReason::BudgetExhausted),
        _ => None,
    }
}

/// Whether another start may end otherwise, because what would be delivered now is not what the run began with:
/// another credential, another CA. What was delivered later may never have been used. When the operator does not
/// know what the run began with, a refused credential is worth one more try.
fn retry_allowed(reason: TerminationReason, started_with: Option<&str>, digest: &str) -> bool {
    use TerminationReason as Reason;
    match (reason, started_with) {
        (Reason::BudgetExhausted, _) => false,
        (Reason::AuthenticationRefused, None) => true,
        (_, None) => false,
        (_, Some(with)) => with != digest,
    }
}
