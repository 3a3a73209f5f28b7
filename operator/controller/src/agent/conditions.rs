//! From everything that the stages before found out to the Agent's status: phase and conditions. Pure.

mod chat;
mod phase;

use agentchat_api::{
    AgentPhase, AgentStatus, ConditionType, Reason, Statement, is_true, set_condition,
};
use agentchat_contract::{Phase, State, TerminationReason};
use agentchat_driver::ContainerPhase;
use agentchat_plan::{Action, Plan, Unmet, Verdict};
use k8s_openapi::jiff::Timestamp;

use super::{
    execute::Outcomes,
    observe::ObservedAgent,
    reported,
    validate::{Intent, UnmetPrecondition, ValidatedAgent},
};
use crate::{
    cache::Report,
    container::current,
    error::{Error, chain},
};

/// What the conditions are made from.
struct Facts<'a> {
    agent: &'a ValidatedAgent,
    observed: &'a ObservedAgent,
    plan: &'a Plan,
    /// What keeps it from being brought up.
    unmet: Option<UnmetPrecondition>,
    /// The last report from the run that goes on.
    state: Option<&'a State>,
    now: Timestamp,
}

/// The status that follows.
pub fn conditions(
    agent: &ValidatedAgent,
    observed: &ObservedAgent,
    plan: &Plan,
    outcomes: &Outcomes,
    now: Timestamp,
) -> AgentStatus {
    let mut next = agent.previous.clone();
    // An operator that has just been started knows nothing against what stands there.
    if observed.is_connecting() {
        return next;
    }
    next.observed_generation = agent.generation;
    if let Some(node) = &outcomes.bound {
        next.node_name = Some(node.clone());
    }
    if let Some(abandoned) = &observed.abandoned
        && next.node_name.as_deref() != Some(abandoned.node.as_str())
    {
        next.abandoned.push(abandoned.clone());
    }
    next.usage = reported::usage(&observed.ledger).or(next.usage);
    let running = observed.running();
    let facts = Facts {
        agent,
        observed,
        plan,
        unmet: unmet(agent, plan, outcomes),
        state: observed.report.state().filter(|_| running.is_some()),
        now,
    };
    let failure = outcomes.failed.as_ref().map(|(_, error)| error);
    if let Some(message) = observed.unknown() {
        facts.unknown(&mut next, &message);
    } else {
        facts.containers(&mut next, outcomes);
        facts.settle(&mut next);
        if let Some(error) = failure.filter(|_| facts.unmet.is_none()) {
            facts.failed(&mut next, error);
        }
    }
    if matches!(agent.intent, Intent::Delete) {
        next.phase = Some(AgentPhase::Terminating);
        let message = failure.map(|error| chain(error)).or(observed.unknown());
        let statement = Statement::no(Reason::Terminating, message.unwrap_or_default());
        facts.set(&mut next, ConditionType::Ready, &statement);
    }
    next
}

/// What keeps the agent from being brought up: found by the manifest, by the plan, or when its key was to be approved.
fn unmet(agent: &ValidatedAgent, plan: &Plan, outcomes: &Outcomes) -> Option<UnmetPrecondition> {
    if let Intent::Hold(unmet) = &agent.intent {
        return Some(unmet.clone());
    }
    let run = agent.run()?;
    match (plan.unmet, &outcomes.failed) {
        (Some(Unmet::Image), _) => {
            let message = format!(
                "image {} is not on the engine; build it with `cargo xtask image`, or load it with `podman load`",
                run.workload.spec.image
            );
            let (condition, reason) = (ConditionType::ImageReady, Reason::ImageNotFound);
            Some(UnmetPrecondition::new(condition, reason, message))
        }
        (Some(Unmet::Server), _) => run.server_unready.clone(),
        (None, Some((Action::ApproveKey, Error::Chat(error)))) => {
            let server = run.approval.as_ref().map_or("", |a| a.server.node.as_str());
            let message = format!(
                "the chat server of Node {server} did not take the agent's key: {}",
                chain(&**error)
            );
            let (condition, reason) = (ConditionType::ChatConnected, Reason::ServerNotAnswering);
            Some(UnmetPrecondition::new(condition, reason, message))
        }
        (None, _) => None,
    }
}

impl Facts<'_> {
    fn set(&self, next: &mut AgentStatus, type_: ConditionType, statement: &Statement) {
        let when = (self.agent.generation, self.now);
        set_condition(&mut next.conditions, type_, statement, when);
    }

    /// Nothing is known: an engine does not answer.
    fn unknown(&self, next: &mut AgentStatus, message: &str) {
        let statement = Statement::unknown(Reason::EngineUnreachable, reported::text(message));
        for type_ in [
            ConditionType::ContainerRunning,
            ConditionType::ChatConnected,
            ConditionType::Ready,
        ] {
            self.set(next, type_, &statement);
        }
        next.activity = None;
        next.phase = Some(AgentPhase::Unknown);
    }

    /// What the containers say.
    fn containers(&self, next: &mut AgentStatus, outcomes: &Outcomes) {
        let restarts = next.restarts.unwrap_or(0);
        next.restarts = Some(restarts.saturating_add(outcomes.restarts));
        next.last_termination
            .clone_from(&self.observed.last_termination);
        let current = current(self.observed.found()).map(|found| &found.container);
        next.container_id = current.map(|c| c.id.clone());
        if let Some(current) = current {
            let digest = current.image_id.trim_start_matches("sha256:");
            next.image = Some(format!("{}@sha256:{digest}", current.image));
            if current.phase == ContainerPhase::Running {
                next.container_started_at.clone_from(&current.started_at);
            }
        }
    }

    /// Phase and conditions, when it is known what runs.
    fn settle(&self, next: &mut AgentStatus) {
        let (plan, runs) = (self.plan, self.observed.running().is_some());
        let why = self.explain(next);
        if self.unmet.is_none() && !self.agent.suspended {
            for (type_, reason) in [
                (ConditionType::Scheduled, Reason::Placed),
                (ConditionType::SecretsReady, Reason::Found),
                (ConditionType::ImageReady, Reason::Present),
            ] {
                self.set(next, type_, &Statement::yes(reason));
            }
        }
        let container = if runs {
            Statement::yes(Reason::Running)
        } else {
            why.clone()
        };
        self.set(next, ConditionType::ContainerRunning, &container);
        // An operator that was started anew has no report of a run yet, and knows nothing against it.
        let before = &self.agent.previous;
        let same_run = runs && before.container_started_at == next.container_started_at;
        let no_report = matches!(self.observed.report, Report::NotYet);
        if same_run && no_report && plan.verdict == Verdict::Running {
            self.lacking(next);
            next.phase = before.phase.or(Some(AgentPhase::Starting));
            return;
        }
        match self.state {
            Some(state) => reported::take_over(next, state),
            None => next.activity = None,
        }
        let chat = chat::chat(runs, self.state, &self.observed.report, &why);
        self.set(next, ConditionType::ChatConnected, &chat);
        let connected = chat.status == Some(true);
        let ready = match plan.verdict {
            Verdict::Running if self.backs_off() => Statement::no(
                Reason::RunnerBackingOff,
                "the program in its container ended and is started again after a delay; see its log",
            ),
            Verdict::Running if connected => Statement::yes(Reason::Ready),
            Verdict::Running => chat,
            _ => why,
        };
        self.set(next, ConditionType::Ready, &ready);
        next.phase = Some(phase::phase(
            plan.verdict,
            self.agent.suspended,
            self.state,
            ready.status == Some(true),
        ));
        self.lacking(next);
    }

    /// Something is missing: what it is, and that the agent is not what its manifest says.
    fn lacking(&self, next: &mut AgentStatus) {
        let Some(unmet) = &self.unmet else {
            return;
        };
        let statement = Statement::no(unmet.reason, unmet.message.clone());
        // What a running container says of its chat is worth more than what the next one would find.
        let runs = is_true(&next.conditions, ConditionType::ContainerRunning);
        if !(runs && unmet.condition == ConditionType::ChatConnected) {
            self.set(next, unmet.condition, &statement);
        }
        self.set(next, ConditionType::Ready, &statement);
    }

    /// An action failed.
    fn failed(&self, next: &mut AgentStatus, error: &Error) {
        let message = reported::text(&chain(error));
        match error.reason() {
            Some(Reason::EngineUnreachable) => self.unknown(next, &message),
            Some(reason) => {
                self.set(next, ConditionType::Ready, &Statement::no(reason, message));
                if self.observed.running().is_none() {
                    next.phase = Some(AgentPhase::Pending);
                }
            }
            None => {}
        }
    }

    /// Whether the supervisor waits before it starts the runner again.
    fn backs_off(&self) -> bool {
        self.state.is_some_and(|s| s.phase == Phase::BackOff)
    }

    /// Why no container runs.
    fn explain(&self, next: &AgentStatus) -> Statement {
        match self.plan.verdict {
            Verdict::Unknown => Statement::no(Reason::Unknown, ""),
            Verdict::Converging => Statement::no(Reason::Converging, self.in_between()),
            Verdict::Running => Statement::yes(Reason::Running),
            Verdict::Stopped => match &self.unmet {
                Some(unmet) => Statement::no(unmet.reason, unmet.message.clone()),
                None if self.agent.suspended => Statement::no(Reason::Suspended, ""),
                None => Statement::no(Reason::Stopped, ""),
            },
            Verdict::BackingOff { until } => {
                let end = next.last_termination.clone().unwrap_or_default();
                let code = end
                    .exit_code
                    .map_or(String::new(), |code| format!(", exit code {code}"));
                let at =
                    Timestamp::from_second(until).map_or(String::new(), |t| format!(" at {t}"));
                let message = format!(
                    "its container ended ({}{code}); it is started again{at}",
                    end.reason
                );
                Statement::no(Reason::BackingOff, message)
            }
            Verdict::Ended(reason) => {
                let (reason, message) = ended(reason);
                Statement::no(reason, message)
            }
        }
    }

    fn in_between(&self) -> String {
        match self.observed.found() {
            [only] if only.container.phase == ContainerPhase::Other => {
                format!(
                    "container {} is paused or being stopped",
                    only.container.name
                )
            }
            _ => String::new(),
        }
    }
}

/// What an end for good means, and what begins anew.
fn ended(reason: TerminationReason) -> (Reason, &'static str) {
    use TerminationReason as Ended;
    let other = "it can't go on as it is; see its log, and change the spec or a Secret to go on";
    match reason {
        Ended::BudgetExhausted => (
            Reason::BudgetExhausted,
            "a limit of the manifest is reached; raise spec.limits to go on",
        ),
        Ended::AuthenticationRefused => (
            Reason::AuthenticationRefused,
            "the model refused the credential; put a good one into its Secret to go on",
        ),
        Ended::QuotaExhausted => (
            Reason::QuotaExhausted,
            "the model's quota is exhausted; change the credential or the spec to go on",
        ),
        Ended::RestartsExhausted => (
            Reason::RestartsExhausted,
            "it failed too often; see its log, and change the spec or a Secret to go on",
        ),
        Ended::Completed => (Reason::Completed, other),
        Ended::Stopped => (Reason::Stopped, other),
        Ended::Error => (Reason::Error, other),
        Ended::Fatal => (Reason::Fatal, other),
    }
}
