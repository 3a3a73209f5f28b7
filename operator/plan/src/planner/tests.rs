use proptest::prelude::*;

use super::*;

fn desired() -> Desired {
    Desired::Run {
        spec_hash: "h".into(),
        delivery_digest: "d".into(),
    }
}

fn container(id: &str, phase: ObservedPhase) -> ObservedContainer {
    ObservedContainer {
        id: id.into(),
        phase,
        spec_hash: Some("h".into()),
        exit_code: None,
        stopped: false,
        delivered: None,
        restarts_in_a_row: 0,
        started_at: Some(0),
        finished_at: None,
    }
}

fn exited(code: i64, (started, finished): (i64, i64)) -> ObservedContainer {
    ObservedContainer {
        exit_code: Some(code),
        started_at: Some(started),
        finished_at: Some(finished),
        ..container("a", ObservedPhase::Exited)
    }
}

fn planned(desired: &Desired, container: &ObservedContainer, now: i64) -> Plan {
    plan(desired, &Observed::Known(vec![container.clone()]), now)
}

/// The kind of start that is planned, if one is.
fn started(plan: &Plan) -> Option<Start> {
    plan.actions.iter().find_map(|action| match action {
        Action::Start { start, .. } => Some(*start),
        _ => None,
    })
}

#[test]
fn unknown_is_not_absent() {
    for desired in [desired(), Desired::Hold, Desired::Rest, Desired::Gone] {
        let plan = plan(&desired, &Observed::Unknown, 0);
        assert_eq!((plan.actions, plan.verdict), (vec![], Verdict::Unknown));
    }
}

#[test]
fn a_changed_spec_replaces_the_container() {
    let (stop, remove) = (
        Action::Stop { id: "a".into() },
        Action::Remove { id: "a".into() },
    );
    for spec_hash in [Some("x".into()), None] {
        let old = ObservedContainer {
            spec_hash,
            ..container("a", ObservedPhase::Running)
        };
        let plan = planned(&desired(), &old, 0);
        assert_eq!(plan.actions, [stop.clone(), remove.clone(), Action::Create]);
    }
}

#[test]
fn what_is_in_between_is_not_killed() {
    let other = container("a", ObservedPhase::Other);
    let plan = planned(&Desired::Gone, &other, 0);
    assert_eq!(plan.actions[0], Action::Stop { id: "a".into() });
    assert_eq!(planned(&desired(), &other, 0).actions, []);
}

#[test]
fn a_killed_container_is_started_again_after_a_while() {
    let mut c = exited(137, (9, 10));
    let first = started(&planned(&desired(), &c, 10));
    assert_eq!(first, Some(Start::Restart { in_a_row: 1 }));
    c.restarts_in_a_row = 2;
    let wait = planned(&desired(), &c, 11);
    assert_eq!(
        (wait.actions, wait.verdict),
        (vec![], Verdict::BackingOff { until: 20 })
    );
    let third = started(&planned(&desired(), &c, 20));
    assert_eq!(third, Some(Start::Restart { in_a_row: 3 }));
}

#[test]
fn a_stable_run_starts_the_count_over() {
    let mut c = exited(137, (0, 60));
    c.restarts_in_a_row = 8;
    let start = started(&planned(&desired(), &c, 60));
    assert_eq!(start, Some(Start::Restart { in_a_row: 1 }));
}

#[test]
fn an_engine_whose_clock_is_ahead_holds_nobody_up() {
    let mut c = exited(137, (9_999, 10_000));
    c.restarts_in_a_row = 1;
    let plan = planned(&desired(), &c, 10);
    assert_eq!(plan.verdict, Verdict::BackingOff { until: 15 });
}

#[test]
fn what_was_asked_to_stop_goes_on_at_once_and_is_no_restart() {
    let mut c = exited(0, (9, 10));
    (c.stopped, c.restarts_in_a_row) = (true, 5);
    assert_eq!(started(&planned(&desired(), &c, 10)), Some(Start::Resume));
}

#[test]
fn a_typed_end_waits_for_what_can_mend_it() {
    let with = |code, delivered: Option<&str>| {
        let mut c = exited(code, (9, 10));
        c.delivered = delivered.map(str::to_owned);
        planned(&desired(), &c, 1000)
    };
    for code in [2, 3, 10, 11, 12] {
        let same = with(code, Some("d"));
        assert!(
            matches!(same.verdict, Verdict::Ended(_)) && same.actions.is_empty(),
            "{code}: {same:?}"
        );
    }
    for code in [2, 3, 10, 11] {
        let rotated = started(&with(code, Some("old")));
        assert_eq!(rotated, Some(Start::Resume), "{code}");
    }
    // A spent budget is not mended by another credential, and an operator that was started anew forgets nothing.
    for (code, delivered) in [(12, Some("old")), (12, None), (11, None)] {
        assert_eq!(started(&with(code, delivered)), None, "{code}");
    }
    assert_eq!(started(&with(10, None)), Some(Start::Resume));
}

#[test]
fn rest_stops_whatever_it_was_made_from_and_removes_nothing() {
    let mut old = container("a", ObservedPhase::Running);
    old.spec_hash = Some("x".into());
    let plan = planned(&Desired::Rest, &old, 0);
    assert_eq!(plan.actions, [Action::Stop { id: "a".into() }]);
    let ended = planned(&Desired::Rest, &exited(0, (0, 1)), 2);
    assert_eq!((ended.actions, ended.verdict), (vec![], Verdict::Stopped));
}

#[test]
fn hold_changes_nothing() {
    for (phase, verdict) in [
        (ObservedPhase::Running, Verdict::Running),
        (ObservedPhase::Exited, Verdict::Stopped),
    ] {
        let plan = planned(&Desired::Hold, &container("a", phase), 0);
        assert_eq!((plan.actions, plan.verdict), (vec![], verdict));
    }
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

/// How any number of containers may be found.
fn found() -> impl Strategy<Value = Vec<ObservedContainer>> {
    let one = (0..3_u8, any::<bool>(), any::<bool>(), any::<bool>());
    proptest::collection::vec(one, 0..4).prop_map(|all| {
        let make = |(i, (phase, right, delivered, stopped)): (usize, (u8, bool, bool, bool))| {
            let phase = [
                ObservedPhase::Created,
                ObservedPhase::Running,
                ObservedPhase::Exited,
            ][usize::from(phase)];
            let mut c = container(&i.to_string(), phase);
            c.spec_hash = right.then(|| "h".into());
            c.delivered = delivered.then(|| "d".into());
            c.stopped = stopped;
            c
        };
        all.into_iter().enumerate().map(make).collect()
    })
}

proptest! {
    #[test]
    fn every_start_converges_to_one_running_container_and_stays(mut containers in found()) {
        for _ in 0..4 {
            let plan = plan(&desired(), &Observed::Known(containers.clone()), 1000);
            carry_out(&mut containers, &plan);
        }
        let last = plan(&desired(), &Observed::Known(containers.clone()), 1000);
        prop_assert_eq!(last, Plan { actions: vec![], verdict: Verdict::Running });
        prop_assert_eq!(containers.len(), 1);
    }

    #[test]
    fn rest_and_gone_are_reached_in_one_pass(containers in found()) {
        for (desired, kept) in [(Desired::Rest, containers.len()), (Desired::Gone, 0)] {
            let mut containers = containers.clone();
            let first = plan(&desired, &Observed::Known(containers.clone()), 1000);
            carry_out(&mut containers, &first);
            let last = plan(&desired, &Observed::Known(containers.clone()), 1000);
            prop_assert_eq!(last, Plan { actions: vec![], verdict: Verdict::Stopped });
            prop_assert_eq!(containers.len(), kept);
        }
    }
}
