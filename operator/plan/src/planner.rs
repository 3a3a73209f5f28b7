//! The comparison itself.

#[cfg(test)]
mod tests;

use agentchat_contract::{TerminationReason, exit};

use crate::{
    Action, Desired, Observed, ObservedContainer, ObservedPhase, Plan, Start, Verdict,
    delay::{STABLE_SECONDS, restart_delay_seconds},
};

/// Compares; `now` in Unix seconds.
#[must_use]
pub fn plan(desired: &Desired, observed: &Observed, now: i64) -> Plan {
    let Observed::Known(containers) = observed else {
        return Plan {
            actions: vec![],
            verdict: Verdict::Unknown,
        };
    };
    match desired {
        Desired::Run {
            spec_hash,
            delivery_digest,
        } => run(containers, spec_hash, delivery_digest, now),
        Desired::Hold => hold(containers),
        Desired::Rest => rest(containers),
        Desired::Gone => {
            let actions = remove(containers.iter());
            let verdict = if actions.is_empty() {
                Verdict::Stopped
            } else {
                Verdict::Converging
            };
            Plan { actions, verdict }
        }
    }
}

/// Removes every container but the one to keep, and brings that one up.
fn run(containers: &[ObservedContainer], hash: &str, digest: &str, now: i64) -> Plan {
    let keep = choose(containers, hash);
    let mut actions = remove(
        containers
            .iter()
            .filter(|c| Some(&c.id) != keep.map(|k| &k.id)),
    );
    let (more, verdict) = match keep {
        None => (vec![Action::Create], Verdict::Converging),
        Some(container) => bring_up(container, digest, now),
    };
    actions.extend(more);
    Plan { actions, verdict }
}

/// The one container to keep: of the right hash, a running one first.
fn choose<'a>(containers: &'a [ObservedContainer], hash: &str) -> Option<&'a ObservedContainer> {
    containers
        .iter()
        .filter(|c| c.spec_hash.as_deref() == Some(hash))
        .min_by_key(|c| c.phase != ObservedPhase::Running)
}

/// What may still run is asked to stop first: it has its grace period.
fn remove<'a>(containers: impl Iterator<Item = &'a ObservedContainer>) -> Vec<Action> {
    let mut actions = vec![];
    for c in containers {
        if matches!(c.phase, ObservedPhase::Running | ObservedPhase::Other) {
            actions.push(Action::Stop { id: c.id.clone() });
        }
        actions.push(Action::Remove { id: c.id.clone() });
    }
    actions
}

fn hold(containers: &[ObservedContainer]) -> Plan {
    let runs = containers.iter().any(|c| c.phase == ObservedPhase::Running);
    Plan {
        actions: vec![],
        verdict: if runs {
            Verdict::Running
        } else {
            Verdict::Stopped
        },
    }
}

fn rest(containers: &[ObservedContainer]) -> Plan {
    let active =
        |c: &&ObservedContainer| matches!(c.phase, ObservedPhase::Running | ObservedPhase::Other);
    let actions: Vec<_> = containers
        .iter()
        .filter(active)
        .map(|c| Action::Stop { id: c.id.clone() })
        .collect();
    let verdict = if actions.is_empty() {
        Verdict::Stopped
    } else {
        Verdict::Converging
    };
    Plan { actions, verdict }
}

fn bring_up(c: &ObservedContainer, digest: &str, now: i64) -> (Vec<Action>, Verdict) {
    match c.phase {
        ObservedPhase::Running if c.delivered.as_deref() == Some(digest) => {
            (vec![], Verdict::Running)
        }
        ObservedPhase::Running => {
            let deliver = Action::Deliver { id: c.id.clone() };
            (vec![deliver], Verdict::Converging)
        }
        ObservedPhase::Created => start(c, Start::First),
        ObservedPhase::Other => (vec![], Verdict::Converging),
        ObservedPhase::Exited => start_again(c, digest, now),
    }
}

fn start(c: &ObservedContainer, start: Start) -> (Vec<Action>, Verdict) {
    let id = c.id.clone();
    let actions = vec![
        Action::Start {
            id: id.clone(),
            start,
        },
        Action::Deliver { id },
    ];
    (actions, Verdict::Converging)
}

fn start_again(c: &ObservedContainer, digest: &str, now: i64) -> (Vec<Action>, Verdict) {
    if c.stopped {
        return start(c, Start::Resume);
    }
    if let Some(reason) = final_reason(c.exit_code) {
        return if mended(reason, c.delivered.as_deref(), digest) {
            start(c, Start::Resume)
        } else {
            (vec![], Verdict::Ended(reason))
        };
    }
    // The engine's clock may be ahead of ours; nobody waits for that.
    let finished = c.finished_at.unwrap_or(now).min(now);
    let ran = finished - c.started_at.unwrap_or(finished);
    let until = finished + restart_delay_seconds(c.restarts_in_a_row, ran);
    if now < until {
        return (vec![], Verdict::BackingOff { until });
    }
    let before = if ran >= STABLE_SECONDS {
        0
    } else {
        c.restarts_in_a_row
    };
    let in_a_row = before.saturating_add(1);
    start(c, Start::Restart { in_a_row })
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

/// Whether what would be delivered now may change how the run ended: another credential, another CA. When
/// the operator does not know what the run was given, a refused credential is worth one more try.
fn mended(reason: TerminationReason, delivered: Option<&str>, digest: &str) -> bool {
    use TerminationReason as Reason;
    match (reason, delivered) {
        (Reason::BudgetExhausted, _) => false,
        (Reason::AuthenticationRefused, None) => true,
        (_, None) => false,
        (_, Some(delivered)) => delivered != digest,
    }
}
