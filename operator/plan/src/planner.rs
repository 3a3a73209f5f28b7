//! The comparison itself.

use agentchat_contract::{TerminationReason, exit};

use crate::restart_delay_seconds;

/// What an agent is meant to be, as far as its container goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    /// Hash of everything whose change needs a new container.
    pub spec_hash: String,
    /// Digest of what is delivered into the container; a change is delivered without a restart.
    pub delivery_digest: String,
    /// Whether it is to run at all.
    pub run: bool,
    /// Whether its container is to be removed.
    pub deleted: bool,
    /// Restarts in a row so far.
    pub consecutive_restarts: u32,
}

/// What an engine shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observed {
    /// The engine did not answer: nothing is known.
    Unknown,
    /// These containers of the agent exist; none means absent.
    Known(Vec<ObservedContainer>),
}

/// Phase of an observed container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObservedPhase {
    /// Created, never started.
    Created,
    /// Running.
    Running,
    /// Ended.
    Exited,
    /// In between: look again.
    Other,
}

/// One container of the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedContainer {
    /// Engine's id.
    pub id: String,
    /// What it is doing.
    pub phase: ObservedPhase,
    /// Hash it was made from.
    pub spec_hash: String,
    /// Exit code of the last run.
    pub exit_code: Option<i64>,
    /// Digest of the last delivery into the current run, if the operator made one.
    pub delivered: Option<String>,
    /// Start of the last run, Unix seconds.
    pub started_at: Option<i64>,
    /// End of the last run, Unix seconds.
    pub finished_at: Option<i64>,
}

/// One step towards the desired state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Make the container; what follows refers to it once it exists.
    Create,
    /// Start the container with this id.
    Start {
        /// Engine's id.
        id: String,
        /// Whether it has run before.
        again: bool,
    },
    /// Hand over configuration and secrets.
    Deliver {
        /// Engine's id.
        id: String,
    },
    /// Stop it, gracefully.
    Stop {
        /// Engine's id.
        id: String,
    },
    /// Remove it.
    Remove {
        /// Engine's id.
        id: String,
    },
}

/// What the plan found, for the status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The engine did not answer.
    Unknown,
    /// On its way.
    Converging,
    /// It runs and has what it needs.
    Running,
    /// It rests, as asked, or is gone.
    Stopped,
    /// It waits before the next start.
    BackingOff {
        /// Unix seconds of the next start.
        until: i64,
    },
    /// It ended for good.
    Ended(TerminationReason),
}

/// Actions in order, and what they are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What to do, in order.
    pub actions: Vec<Action>,
    /// Where the agent stands.
    pub verdict: Verdict,
}

/// Compares; `now` in Unix seconds.
#[must_use]
pub fn plan(desired: &Desired, observed: &Observed, now: i64) -> Plan {
    let Observed::Known(containers) = observed else {
        return Plan {
            actions: vec![],
            verdict: Verdict::Unknown,
        };
    };
    if desired.deleted {
        return remove_all(containers.iter());
    }
    let keep = choose(containers, &desired.spec_hash);
    let mut actions = remove_all(containers.iter().filter(|c| Some(c.id.as_str()) != keep)).actions;
    let current = containers.iter().find(|c| Some(c.id.as_str()) == keep);
    let (more, verdict) = match current {
        _ if !desired.run => rest(current),
        None => (vec![Action::Create], Verdict::Converging),
        Some(container) => run(desired, container, now),
    };
    actions.extend(more);
    Plan { actions, verdict }
}

/// The one container to keep: of the right hash, a running one first.
fn choose<'a>(containers: &'a [ObservedContainer], hash: &str) -> Option<&'a str> {
    containers
        .iter()
        .filter(|c| c.spec_hash == hash)
        .min_by_key(|c| c.phase != ObservedPhase::Running)
        .map(|c| c.id.as_str())
}

fn remove_all<'a>(containers: impl Iterator<Item = &'a ObservedContainer>) -> Plan {
    let mut actions = vec![];
    for c in containers {
        if c.phase == ObservedPhase::Running {
            actions.push(Action::Stop { id: c.id.clone() });
        }
        actions.push(Action::Remove { id: c.id.clone() });
    }
    let verdict = if actions.is_empty() {
        Verdict::Stopped
    } else {
        Verdict::Converging
    };
    Plan { actions, verdict }
}

fn rest(current: Option<&ObservedContainer>) -> (Vec<Action>, Verdict) {
    match current {
        Some(c) if c.phase == ObservedPhase::Running => {
            (vec![Action::Stop { id: c.id.clone() }], Verdict::Converging)
        }
        _ => (vec![], Verdict::Stopped),
    }
}

fn run(desired: &Desired, c: &ObservedContainer, now: i64) -> (Vec<Action>, Verdict) {
    let id = c.id.clone();
    match c.phase {
        ObservedPhase::Running if c.delivered.as_deref() == Some(&desired.delivery_digest) => {
            (vec![], Verdict::Running)
        }
        ObservedPhase::Running => (vec![Action::Deliver { id }], Verdict::Converging),
        ObservedPhase::Created => (
            vec![
                Action::Start {
                    id: id.clone(),
                    again: false,
                },
                Action::Deliver { id },
            ],
            Verdict::Converging,
        ),
        ObservedPhase::Other => (vec![], Verdict::Converging),
        ObservedPhase::Exited => match final_reason(c.exit_code) {
            Some(reason) => (vec![], Verdict::Ended(reason)),
            None => {
                let ran = c.finished_at.unwrap_or(now) - c.started_at.unwrap_or(now);
                let wait = restart_delay_seconds(desired.consecutive_restarts, ran);
                let until = c.finished_at.unwrap_or(now) + wait;
                if now < until {
                    return (vec![], Verdict::BackingOff { until });
                }
                let actions = vec![
                    Action::Start {
                        id: id.clone(),
                        again: true,
                    },
                    Action::Deliver { id },
                ];
                (actions, Verdict::Converging)
            }
        },
    }
}

/// Exit codes of PID 1 after which a restart would change nothing. Code 0 is no such end: PID 1 also
/// ends with it when somebody stopped the container behind our back.
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn desired() -> Desired {
        Desired {
            spec_hash: "h".into(),
            delivery_digest: "d".into(),
            run: true,
            deleted: false,
            consecutive_restarts: 0,
        }
    }

    fn container(id: &str, phase: ObservedPhase) -> ObservedContainer {
        ObservedContainer {
            id: id.into(),
            phase,
            spec_hash: "h".into(),
            exit_code: None,
            delivered: None,
            started_at: Some(0),
            finished_at: None,
        }
    }

    #[test]
    fn unknown_is_not_absent() {
        for deleted in [false, true] {
            let plan = plan(
                &Desired {
                    deleted,
                    ..desired()
                },
                &Observed::Unknown,
                0,
            );
            assert_eq!(
                plan,
                Plan {
                    actions: vec![],
                    verdict: Verdict::Unknown
                }
            );
        }
    }

    #[test]
    fn a_changed_spec_replaces_the_container() {
        let old = ObservedContainer {
            spec_hash: "x".into(),
            ..container("a", ObservedPhase::Running)
        };
        let plan = plan(&desired(), &Observed::Known(vec![old]), 0);
        let (stop, remove) = (
            Action::Stop { id: "a".into() },
            Action::Remove { id: "a".into() },
        );
        assert_eq!(plan.actions, [stop, remove, Action::Create]);
    }

    #[test]
    fn a_killed_container_is_started_again_and_a_spent_budget_is_not() {
        let mut c = container("a", ObservedPhase::Exited);
        (c.exit_code, c.finished_at) = (Some(137), Some(10));
        let again = plan(&desired(), &Observed::Known(vec![c.clone()]), 10);
        assert_eq!(
            again.actions[0],
            Action::Start {
                id: "a".into(),
                again: true
            }
        );
        let wait = plan(
            &Desired {
                consecutive_restarts: 2,
                ..desired()
            },
            &Observed::Known(vec![c.clone()]),
            11,
        );
        assert_eq!(
            wait,
            Plan {
                actions: vec![],
                verdict: Verdict::BackingOff { until: 20 }
            }
        );
        c.exit_code = Some(12);
        let ended = plan(&desired(), &Observed::Known(vec![c]), 1000);
        assert_eq!(
            ended.verdict,
            Verdict::Ended(TerminationReason::BudgetExhausted)
        );
        assert!(ended.actions.is_empty());
    }

    /// An engine that does what it is told.
    fn carry_out(containers: &mut Vec<ObservedContainer>, plan: &Plan) {
        for action in &plan.actions {
            match action {
                Action::Create => containers.push(container("new", ObservedPhase::Created)),
                Action::Remove { id } => containers.retain(|c| c.id != *id),
                Action::Start { id, .. } | Action::Stop { id } | Action::Deliver { id } => {
                    let c = containers.iter_mut().find(|c| c.id == *id).unwrap();
                    match action {
                        Action::Start { .. } => c.phase = ObservedPhase::Running,
                        Action::Stop { .. } => c.phase = ObservedPhase::Exited,
                        _ => c.delivered = Some("d".into()),
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn every_start_converges_to_one_running_container_and_stays(
            phases in proptest::collection::vec((0..3_u8, any::<bool>(), any::<bool>()), 0..4),
        ) {
            let mut containers: Vec<_> = phases.iter().enumerate().map(|(i, (p, right, delivered))| {
                let phase = [ObservedPhase::Created, ObservedPhase::Running, ObservedPhase::Exited][usize::from(*p)];
                let mut c = container(&i.to_string(), phase);
                if !right { c.spec_hash = "x".into(); }
                if *delivered { c.delivered = Some("d".into()); }
                c
            }).collect();
            for _ in 0..4 {
                let plan = plan(&desired(), &Observed::Known(containers.clone()), 1000);
                carry_out(&mut containers, &plan);
            }
            let last = plan(&desired(), &Observed::Known(containers.clone()), 1000);
            prop_assert_eq!(last, Plan { actions: vec![], verdict: Verdict::Running });
            prop_assert_eq!(containers.len(), 1);
        }
    }
}
