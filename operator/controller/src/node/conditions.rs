//! From everything that the stages before found out to the Node's status: phase and conditions. Pure.

use agentchat_api::{
    ConditionType, NodePhase, NodeStatus, Reason, Statement, is_true, set_condition,
};
use agentchat_driver::labels;
use agentchat_plan::{Plan, Unmet, Verdict};
use k8s_openapi::jiff::Timestamp;

use super::{
    execute::Outcomes,
    observe::ObservedNode,
    plan::NodePlan,
    validate::{Problem, ValidatedNode},
};
use crate::error::{Error, chain};

/// The status that follows.
pub fn conditions(
    node: &ValidatedNode,
    observed: &ObservedNode,
    plan: &NodePlan,
    outcomes: &Outcomes,
    now: Timestamp,
) -> NodeStatus {
    let mut next = node.previous.clone();
    next.observed_generation = node.generation;
    let mut set = |next: &mut NodeStatus, type_, statement: &Statement| {
        let when = (node.generation, now);
        set_condition(&mut next.conditions, type_, statement, when);
    };
    let engine = match &observed.engine {
        Ok(info) => {
            next.node_info = Some(info.clone());
            set(
                &mut next,
                ConditionType::PodmanReachable,
                &Statement::yes(Reason::Reachable),
            );
            None
        }
        // There is no engine to be reached.
        Err(problem) if problem.reason == Reason::Answering => None,
        Err(problem) => {
            let statement = Statement::no(problem.reason, problem.message.clone());
            set(&mut next, ConditionType::PodmanReachable, &statement);
            Some(problem.clone())
        }
    };
    if let Some(count) = observed.agents {
        next.agents = u32::try_from(count.running).ok();
    }
    let server = if node.deleting {
        None
    } else {
        chat(node, observed, plan, outcomes, &mut next, &mut set)
    };
    let problem = node.problem.clone().or(engine).or(server);
    if node.deleting {
        next.phase = Some(NodePhase::Deleting);
        let statement = deletion(plan, outcomes);
        set(&mut next, ConditionType::Ready, &statement);
    } else {
        let (phase, statement) = match problem {
            None => (NodePhase::Ready, Statement::yes(Reason::Ready)),
            Some(problem) => (
                NodePhase::NotReady,
                Statement::no(problem.reason, problem.message),
            ),
        };
        next.phase = Some(phase);
        set(&mut next, ConditionType::Ready, &statement);
    }
    next
}

fn deletion(plan: &NodePlan, outcomes: &Outcomes) -> Statement {
    let errors = [&outcomes.service_error, &outcomes.teardown_error];
    let error = errors.into_iter().flatten().next();
    match (&plan.in_use, error) {
        (Some(users), _) => Statement::no(Reason::Draining, users.clone()),
        (None, Some(error)) => Statement::no(Reason::DeletionFailed, chain(error)),
        (None, None) => Statement::no(Reason::Deleting, ""),
    }
}

/// The chat server: how it is reached, and how it does. Gives what is wrong with it.
fn chat(
    node: &ValidatedNode,
    observed: &ObservedNode,
    plan: &NodePlan,
    outcomes: &Outcomes,
    next: &mut NodeStatus,
    set: &mut impl FnMut(&mut NodeStatus, ConditionType, &Statement),
) -> Option<Problem> {
    let chat = node.chat.as_ref()?;
    if let Some(access) = &chat.access {
        next.ca_bundle = Some(access.ca_pem.clone());
        next.endpoints.clone_from(&chat.endpoints);
    }
    let mut trouble = None;
    for ((service, seen), plan) in node
        .services
        .iter()
        .zip(&observed.services)
        .zip(&plan.services)
    {
        if service.component == labels::CHAT_SERVER {
            next.server_restarts = Some(seen.restarts).filter(|_| !chat.external);
        }
        if let Some((workload, _)) = &service.wanted {
            let image = &workload.spec.image;
            trouble = trouble.or_else(|| not_running(service.component, image, plan));
        }
    }
    let failed = outcomes.service_error.as_ref();
    let trouble = failed.map(problem_of).or(trouble);
    let statement = match (trouble, &observed.chat, &outcomes.chat_error) {
        (Some(problem), _, _) => Statement::no(problem.reason, problem.message),
        (None, Some(Err(error)), _) | (None, Some(Ok(_)), Some(error)) => {
            Statement::no(Reason::NotAnswering, chain(error))
        }
        (None, Some(Ok(_)), None) => Statement::yes(Reason::Answering),
        (None, None, _) => Statement::no(Reason::ServerStarting, "its container is being started"),
    };
    // A moment without an answer right after the operator's start says nothing.
    set(next, ConditionType::ServerReady, &statement);
    if is_true(&next.conditions, ConditionType::ServerReady) {
        return None;
    }
    let reason = match Reason::parse(&statement.reason) {
        Some(Reason::NotAnswering) | None => Reason::ServerNotReady,
        Some(reason) => reason,
    };
    Some(Problem::new(reason, statement.message))
}

/// Why something that a Node runs for itself does not run.
fn not_running(component: &str, image: &str, plan: &Plan) -> Option<Problem> {
    let problem = |reason, message: String| Some(Problem::new(reason, message));
    match (plan.unmet, plan.verdict) {
        (Some(Unmet::Image), _) => problem(
            Reason::ImageNotFound,
            format!(
                "image {image} is not on the engine; build it with `cargo xtask image`, or load it with `podman load`"
            ),
        ),
        (_, Verdict::BackingOff { until }) => {
            let at = Timestamp::from_second(until).map_or(String::new(), |t| format!(" at {t}"));
            problem(
                Reason::BackingOff,
                format!("the container of its {component} ended; it is started again{at}"),
            )
        }
        _ => None,
    }
}

fn problem_of(error: &Error) -> Problem {
    let reason = error.reason().unwrap_or(Reason::ReconcileFailed);
    Problem::new(reason, chain(error))
}
