//! Where an agent stands: from what was seen and reported to phase and conditions. Pure, but for the time of
//! a transition.

use agentchat_api::{Agent, AgentPhase, AgentStatus, condition};
use agentchat_contract::{ActivityState, Phase, State, TerminationReason};
use agentchat_driver::ContainerPhase;
use agentchat_plan::Verdict;
use k8s_openapi::jiff::Timestamp;

use super::{Missing, Seen, reported, words};
use crate::live::Report;

/// Sets phase and conditions; `before` is the status of the last look.
pub fn settle(
    agent: &Agent,
    seen: &Seen,
    report: &Report,
    before: &AgentStatus,
    next: &mut AgentStatus,
) {
    let runs = seen.runs();
    next.restarts.get_or_insert(0);
    let (reason, message) = explain(agent, seen, next);
    let mut set = |type_, status, why| set(agent, next, type_, status, why);
    if seen.missing.is_none() && !agent.spec.suspend {
        set("Scheduled", Some(true), ("Placed", ""));
        set("SecretsReady", Some(true), ("Found", ""));
        set("ImageReady", Some(true), ("Present", ""));
    }
    let why = if runs {
        ("Running", "")
    } else {
        (reason, message.as_str())
    };
    set("ContainerRunning", Some(runs), why);
    // An operator that was started anew has not heard of a run yet, and knows nothing against it.
    let same_run = runs && before.container_started_at == next.container_started_at;
    if same_run && matches!(report, Report::NotYet) && *seen.verdict() == Verdict::Running {
        if let Some(missing) = &seen.missing {
            lacking(agent, missing, next);
        }
        next.phase = before.phase.or(Some(AgentPhase::Starting));
        return;
    }
    let state = report.state().filter(|_| runs);
    match state {
        Some(state) => reported::take_over(next, state),
        None => next.activity = None,
    }
    let (chat, chat_reason, chat_message) = chat(runs, state, report, reason);
    set_chat(agent, next, chat, (&chat_reason, &chat_message));
    let ready = *seen.verdict() == Verdict::Running && chat && !backs_off(state);
    let why = match (ready, *seen.verdict() == Verdict::Running) {
        (true, _) => ("Ready", ""),
        (false, true) if backs_off(state) => (
            "RunnerBackingOff",
            "the program in its container ended and is started again in a while; see its log",
        ),
        (false, true) => (chat_reason.as_str(), chat_message.as_str()),
        (false, false) => (reason, message.as_str()),
    };
    set_ready(agent, next, ready, why);
    next.phase = Some(phase(agent, seen, state, ready));
    if let Some(missing) = &seen.missing {
        lacking(agent, missing, next);
    }
}

/// Something is missing: what it is, and that the agent is not what its manifest says.
fn lacking(agent: &Agent, missing: &Missing, next: &mut AgentStatus) {
    let why = (missing.reason, missing.message.as_str());
    // What a running container says of its chat is worth more than what the next one would find.
    let runs = agentchat_api::is_true(&next.conditions, "ContainerRunning");
    if !(runs && missing.condition == "ChatConnected") {
        set(agent, next, missing.condition, Some(false), why);
    }
    set(agent, next, "Ready", Some(false), why);
}

/// Nothing is known: the engine does not answer.
pub fn unknown(agent: &Agent, message: &str, next: &mut AgentStatus) {
    for type_ in ["ContainerRunning", "ChatConnected", "Ready"] {
        set(agent, next, type_, None, ("EngineUnreachable", message));
    }
    next.activity = None;
    next.phase = Some(AgentPhase::Unknown);
}

/// Sets one condition.
pub fn set(
    agent: &Agent,
    next: &mut AgentStatus,
    type_: &str,
    status: Option<bool>,
    why: (&str, &str),
) {
    let generation = agent.metadata.generation;
    next.observed_generation = generation;
    let when = (generation, Timestamp::now());
    condition(&mut next.conditions, (type_, status), why, when);
}

fn set_chat(agent: &Agent, next: &mut AgentStatus, connected: bool, why: (&str, &str)) {
    set(agent, next, "ChatConnected", Some(connected), why);
}

fn set_ready(agent: &Agent, next: &mut AgentStatus, ready: bool, why: (&str, &str)) {
    set(agent, next, "Ready", Some(ready), why);
}

/// Why no container runs: one word, and a sentence.
fn explain(agent: &Agent, seen: &Seen, next: &AgentStatus) -> (&'static str, String) {
    match seen.verdict() {
        Verdict::Unknown => ("Unknown", String::new()),
        Verdict::Converging => ("Converging", in_between(seen)),
        Verdict::Running => ("Running", String::new()),
        Verdict::Stopped => match &seen.missing {
            Some(missing) => (missing.reason, missing.message.clone()),
            None if agent.spec.suspend => ("Suspended", String::new()),
            None => ("Stopped", String::new()),
        },
        Verdict::BackingOff { until } => {
            let end = next.last_termination.clone().unwrap_or_default();
            let code = end
                .exit_code
                .map_or(String::new(), |code| format!(", exit code {code}"));
            let at = Timestamp::from_second(*until).map_or(String::new(), |t| format!(" at {t}"));
            let message = format!(
                "its container ended ({}{code}); it is started again{at}",
                end.reason
            );
            ("BackingOff", message)
        }
        Verdict::Ended(reason) => (words::reason(*reason), words::ended(*reason).to_owned()),
    }
}

fn in_between(seen: &Seen) -> String {
    let other = |c: &agentchat_driver::Container| c.phase == ContainerPhase::Other;
    match seen.containers.as_deref() {
        Some([only]) if other(only) => {
            format!("container {} is paused or being stopped", only.name)
        }
        _ => String::new(),
    }
}

/// The connection to the chat: whether there is one, and why not.
fn chat(
    runs: bool,
    state: Option<&State>,
    report: &Report,
    reason: &str,
) -> (bool, String, String) {
    match state {
        Some(State { chat, .. }) => {
            let default = if chat.connected {
                "Connected"
            } else {
                "Connecting"
            };
            let word = reported::word(chat.reason.as_deref(), default);
            let message = reported::text(chat.message.as_deref().unwrap_or_default());
            (chat.connected, word, message)
        }
        None if runs && matches!(report, Report::Lost) => {
            let message = "its container runs, but its supervisor reports nothing";
            (false, "NoReport".into(), message.into())
        }
        None if runs => (false, "Connecting".into(), String::new()),
        None => (false, reason.to_owned(), String::new()),
    }
}

/// Whether the supervisor waits before it starts the runner again.
fn backs_off(state: Option<&State>) -> bool {
    state.is_some_and(|s| s.phase == Phase::BackOff)
}

fn phase(agent: &Agent, seen: &Seen, state: Option<&State>, ready: bool) -> AgentPhase {
    let listens = state.is_some_and(|s| s.activity.state == ActivityState::Listening);
    match seen.verdict() {
        Verdict::Unknown => AgentPhase::Unknown,
        Verdict::Stopped if agent.spec.suspend => AgentPhase::Suspended,
        Verdict::Stopped => AgentPhase::Pending,
        Verdict::Running if backs_off(state) => AgentPhase::CrashLoopBackOff,
        Verdict::Converging => AgentPhase::Starting,
        Verdict::Running if !ready => AgentPhase::Starting,
        Verdict::Running if listens => AgentPhase::Listening,
        Verdict::Running => AgentPhase::Running,
        Verdict::BackingOff { .. } => AgentPhase::CrashLoopBackOff,
        Verdict::Ended(TerminationReason::BudgetExhausted | TerminationReason::Completed) => {
            AgentPhase::Completed
        }
        Verdict::Ended(_) => AgentPhase::Failed,
    }
}
