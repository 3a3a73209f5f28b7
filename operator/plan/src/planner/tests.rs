use proptest::prelude::*;

use super::*;
use crate::ContainerRef;

const NODE: &str = "client-1";

fn target() -> Target {
    Target {
        node: NODE.into(),
        spec_hash: "h".into(),
        delivery_digest: "d".into(),
        workload: Workload::Agent,
        needs_approval: true,
        server_ready: true,
    }
}

fn desired() -> Desired {
    Desired::Run(target())
}

fn at(id: &str) -> ContainerRef {
    let (node, id) = (NODE.into(), id.into());
    ContainerRef { node, id }
}

fn container(id: &str, phase: ObservedPhase) -> ObservedContainer {
    ObservedContainer {
        at: at(id),
        phase,
        spec_hash: Some("h".into()),
        exit_code: None,
        stopped: false,
        delivered: None,
        started_with: None,
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

/// An agent that is on its Node, whose image is there and whose key is approved.
fn observed(containers: &[ObservedContainer]) -> Observed {
    Observed {
        containers: Containers::Known(containers.to_vec()),
        nodes: vec![NODE.into()],
        bound: Some(NODE.into()),
        image_present: Some(true),
        key_approved: true,
        over_limit: false,
    }
}

fn planned(desired: &Desired, container: &ObservedContainer, now: i64) -> Plan {
    plan(desired, &observed(std::slice::from_ref(container)), now)
}

/// The kind of start that is planned, if one is.
fn started(plan: &Plan) -> Option<Start> {
    plan.actions.iter().find_map(|action| match action {
        Action::Start { start, .. } => Some(*start),
        _ => None,
    })
}

fn brought_up() -> [Action; 3] {
    let (start, made) = (Start::First, At::Created);
    let start = Action::Start {
        at: made.clone(),
        start,
    };
    [Action::Create, start, Action::Deliver { at: made }]
}

#[test]
fn unknown_is_not_absent() {
    for desired in [
        desired(),
        Desired::Hold,
        Desired::Suspended,
        Desired::Absent,
    ] {
        let mut observed = observed(&[]);
        observed.containers = Containers::Unknown;
        let plan = plan(&desired, &observed, 0);
        assert_eq!((plan.actions, plan.verdict), (vec![], Verdict::Unknown));
    }
}

#[test]
fn new_agent_is_recorded_and_approved_before_anything_is_created() {
    let mut fresh = observed(&[]);
    fresh.bound = None;
    fresh.key_approved = false;
    let bind = Action::Bind { node: NODE.into() };
    let mut expected = vec![Action::ApproveKey, bind];
    expected.extend(brought_up());
    assert_eq!(plan(&desired(), &fresh, 0).actions, expected);
}

#[test]
fn agent_that_moves_is_removed_from_its_old_node_before_it_is_recorded_on_the_new_one() {
    let there = ContainerRef {
        node: "client-0".into(),
        id: "a".into(),
    };
    let old = ObservedContainer {
        at: there.clone(),
        spec_hash: Some("x".into()),
        ..container("a", ObservedPhase::Running)
    };
    let mut moving = observed(&[old]);
    moving.bound = Some("client-0".into());
    let mut expected = vec![
        Action::Stop { at: there.clone() },
        Action::Remove { at: there },
        Action::Bind { node: NODE.into() },
    ];
    expected.extend(brought_up());
    assert_eq!(plan(&desired(), &moving, 0).actions, expected);
}

#[test]
fn nothing_is_stopped_for_a_container_that_could_not_be_brought_up() {
    let old = ObservedContainer {
        spec_hash: Some("x".into()),
        ..container("a", ObservedPhase::Running)
    };
    let mut no_image = observed(std::slice::from_ref(&old));
    no_image.image_present = Some(false);
    let mut target = target();
    target.server_ready = false;
    for (desired, observed, unmet) in [
        (desired(), no_image, Unmet::Image),
        (Desired::Run(target), observed(&[old]), Unmet::Server),
    ] {
        let plan = plan(&desired, &observed, 0);
        assert_eq!((plan.actions, plan.verdict), (vec![], Verdict::Running));
        assert_eq!(plan.unmet, Some(unmet));
    }
}

#[test]
fn server_that_is_away_keeps_nobody_from_being_started_again() {
    let mut target = target();
    target.server_ready = false;
    let again = planned(&Desired::Run(target), &exited(137, (9, 10)), 10);
    assert_eq!(started(&again), Some(Start::Restart { in_a_row: 1 }));
}

#[test]
fn agent_over_a_limit_is_stopped_and_not_started_again() {
    for (container, actions) in [
        (
            container("a", ObservedPhase::Running),
            vec![Action::Stop { at: at("a") }],
        ),
        (exited(0, (0, 1)), vec![]),
    ] {
        let mut spent = observed(&[container]);
        spent.over_limit = true;
        assert_eq!(plan(&desired(), &spent, 100).actions, actions);
    }
    let mut spent = observed(&[]);
    spent.over_limit = true;
    let ended = Verdict::Ended(TerminationReason::BudgetExhausted);
    assert_eq!(plan(&desired(), &spent, 100).verdict, ended);
}

#[test]
fn changed_spec_replaces_the_container() {
    let mut expected = vec![Action::Stop { at: at("a") }, Action::Remove { at: at("a") }];
    expected.extend(brought_up());
    for spec_hash in [Some("x".into()), None] {
        let old = ObservedContainer {
            spec_hash,
            ..container("a", ObservedPhase::Running)
        };
        assert_eq!(planned(&desired(), &old, 0).actions, expected);
    }
}

#[test]
fn container_in_between_is_asked_to_stop_before_it_is_removed() {
    let other = container("a", ObservedPhase::Other);
    let plan = planned(&Desired::Absent, &other, 0);
    assert_eq!(plan.actions[0], Action::Stop { at: at("a") });
    assert_eq!(planned(&desired(), &other, 0).actions, []);
}

#[test]
fn deleted_workload_loses_its_volume_on_every_engine_that_was_looked_at() {
    let mut everywhere = observed(&[]);
    everywhere.nodes.push("client-2".into());
    let volumes = [NODE, "client-2"].map(|node| Action::RemoveVolume { node: node.into() });
    assert_eq!(plan(&Desired::Absent, &everywhere, 0).actions, volumes);
}

#[test]
fn service_is_started_again_whatever_its_exit_code() {
    let service = Desired::Run(Target {
        workload: Workload::Service,
        ..target()
    });
    for code in [0, 2, 3, 10, 137] {
        let again = planned(&service, &exited(code, (9, 10)), 10);
        assert_eq!(
            started(&again),
            Some(Start::Restart { in_a_row: 1 }),
            "{code}"
        );
    }
}

#[test]
fn killed_container_is_started_again_after_a_delay() {
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
fn stable_run_starts_the_count_over() {
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
        c.delivered = Some("d".into());
        c.started_with = delivered.map(str::to_owned);
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
fn suspension_stops_whatever_runs_and_removes_nothing() {
    let mut old = container("a", ObservedPhase::Running);
    old.spec_hash = Some("x".into());
    let plan = planned(&Desired::Suspended, &old, 0);
    assert_eq!(plan.actions, [Action::Stop { at: at("a") }]);
    let ended = planned(&Desired::Suspended, &exited(0, (0, 1)), 2);
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
    let made = at("new");
    for action in &plan.actions {
        let mut change = |at: &ContainerRef, to: &dyn Fn(&mut ObservedContainer)| {
            to(containers.iter_mut().find(|c| c.at == *at).unwrap());
        };
        let which = |at: &At| match at {
            At::Created => made.clone(),
            At::Observed(at) => at.clone(),
        };
        match action {
            Action::Create => containers.push(container("new", ObservedPhase::Created)),
            Action::Remove { at } => containers.retain(|c| c.at != *at),
            Action::Start { at, .. } => change(&which(at), &|c| c.phase = ObservedPhase::Running),
            Action::Stop { at } => change(at, &|c| c.phase = ObservedPhase::Exited),
            Action::Deliver { at } => change(&which(at), &|c| c.delivered = Some("d".into())),
            Action::Bind { .. } | Action::ApproveKey | Action::RemoveVolume { .. } => {}
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
    fn one_pass_leads_from_anywhere_to_one_running_container(mut containers in found()) {
        let first = plan(&desired(), &observed(&containers), 1000);
        carry_out(&mut containers, &first);
        let last = plan(&desired(), &observed(&containers), 1000);
        prop_assert_eq!((last.actions, last.verdict), (vec![], Verdict::Running));
        prop_assert_eq!(containers.len(), 1);
    }

    #[test]
    fn suspension_and_deletion_are_reached_in_one_pass(containers in found()) {
        for (desired, kept) in [(Desired::Suspended, containers.len()), (Desired::Absent, 0)] {
            let mut containers = containers.clone();
            let first = plan(&desired, &observed(&containers), 1000);
            carry_out(&mut containers, &first);
            let mut then = observed(&containers);
            then.nodes.clear();
            let last = plan(&desired, &then, 1000);
            prop_assert_eq!((last.actions, last.verdict), (vec![], Verdict::Stopped));
            prop_assert_eq!(containers.len(), kept);
        }
    }
}
