//! What is reported about an Agent. Written only when it changed.

use agentchat_api::{
    ActivityStatus, Agent, AgentPhase, AgentStatus, UsageStatus, condition, is_true,
};
use agentchat_contract::{ActivityState, State, TerminationReason};
use agentchat_plan::Verdict;
use k8s_openapi::jiff::Timestamp;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::json;

use super::Missing;
use crate::{
    context::Context,
    error::{Error, chain},
    merge,
};

/// Longest text taken over from a report.
const REPORTED_TEXT: usize = 512;

/// The status of an agent whose needs are met.
pub fn running(agent: &Agent, context: &Context, next: &mut AgentStatus, verdict: &Verdict) {
    let state = context
        .live
        .with(&super::key(agent), |entry| entry.state.clone());
    set(agent, next, "Scheduled", Some(true), ("Placed", ""));
    set(agent, next, "SecretsReady", Some(true), ("Found", ""));
    if !agent.spec.suspend {
        set(agent, next, "ImageReady", Some(true), ("Present", ""));
    }
    let runs = *verdict == Verdict::Running;
    let word = format!("{verdict:?}");
    let word = word.split([' ', '(']).next().unwrap_or_default();
    set(agent, next, "ContainerRunning", Some(runs), (word, ""));
    if let (true, Some(state)) = (runs, &state) {
        reported(next, state);
    } else {
        next.activity = None;
    }
    let chat = state.filter(|_| runs).map(|s| s.chat).unwrap_or_default();
    let reason = reason_word(
        chat.reason.as_deref(),
        if chat.connected {
            "Connected"
        } else {
            "Connecting"
        },
    );
    let message = cut(chat.message.as_deref().unwrap_or_default());
    set(
        agent,
        next,
        "ChatConnected",
        Some(chat.connected),
        (&reason, &message),
    );
    let ready = runs && chat.connected;
    let reason = if ready {
        "Ready".to_owned()
    } else if runs {
        reason
    } else {
        word.to_owned()
    };
    set(agent, next, "Ready", Some(ready), (&reason, &message));
    next.phase = Some(phase(agent, next, verdict, ready));
}

fn phase(agent: &Agent, next: &AgentStatus, verdict: &Verdict, ready: bool) -> AgentPhase {
    let listening = next
        .activity
        .as_ref()
        .is_some_and(|a| a.state == "Listening");
    match verdict {
        Verdict::Unknown => AgentPhase::Unknown,
        Verdict::Stopped if agent.spec.suspend => AgentPhase::Suspended,
        Verdict::Converging | Verdict::Stopped => AgentPhase::Starting,
        Verdict::Running if !ready => AgentPhase::Starting,
        Verdict::Running if listening => AgentPhase::Listening,
        Verdict::Running => AgentPhase::Running,
        Verdict::BackingOff { .. } => AgentPhase::CrashLoopBackOff,
        Verdict::Ended(TerminationReason::BudgetExhausted | TerminationReason::Completed) => {
            AgentPhase::Completed
        }
        Verdict::Ended(_) => AgentPhase::Failed,
    }
}

/// Takes over what the container says of itself, bounded.
fn reported(next: &mut AgentStatus, state: &State) {
    let time = |ms: i64| Timestamp::from_millisecond(ms).ok().map(|t| t.to_string());
    next.agent_id = state.chat.agent_id.as_deref().map(cut);
    next.runner_restarts = Some(state.runner_restarts);
    if let Some(session) = &state.session {
        next.session_id = Some(cut(&session.id));
        next.session_resumed = Some(session.resumed);
    }
    let word = match state.activity.state {
        ActivityState::Idle => "Idle",
        ActivityState::Listening => "Listening",
        ActivityState::Thinking => "Thinking",
        ActivityState::Tool => "Tool",
    };
    next.activity = Some(ActivityStatus {
        state: word.into(),
        since: time(state.activity.since),
    });
    next.usage = Some(UsageStatus {
        turns: state.usage.turns,
        tokens_in: state.usage.tokens_in,
        tokens_out: state.usage.tokens_out,
        cost_usd: format!("{:.4}", state.usage.cost_usd),
    });
}

/// The status of an agent that lacks something.
pub fn waiting(agent: &Agent, next: &mut AgentStatus, missing: &Missing) {
    set(
        agent,
        next,
        missing.condition,
        Some(false),
        (missing.reason, &missing.message),
    );
    set(
        agent,
        next,
        "Ready",
        Some(false),
        (missing.reason, &missing.message),
    );
    next.phase = Some(AgentPhase::Pending);
}

/// The status of an agent whose reconcile failed: what runs is not known any more.
pub fn failing(agent: &Agent, next: &mut AgentStatus, error: &Error) {
    let message = cut(&chain(error));
    let (status, reason) = match error {
        Error::Engine(agentchat_driver::EngineError::Unreachable { .. }) => {
            next.phase = Some(AgentPhase::Unknown);
            (None, "EngineUnreachable")
        }
        Error::Engine(_) => (Some(false), "EngineRefused"),
        Error::Chat(_) => (Some(false), "ChatServerFailed"),
        Error::Invalid(_) => (Some(false), "InvalidSpec"),
        _ => (Some(false), "ReconcileFailed"),
    };
    set(agent, next, "Ready", status, (reason, &message));
    if next.phase.is_none() || !is_true(&next.conditions, "ContainerRunning") {
        next.phase = next.phase.or(Some(AgentPhase::Pending));
    }
}

fn set(
    agent: &Agent,
    next: &mut AgentStatus,
    type_: &str,
    status: Option<bool>,
    why: (&str, &str),
) {
    let generation = agent.metadata.generation;
    next.observed_generation = generation;
    condition(
        &mut next.conditions,
        (type_, status),
        why,
        (generation, Timestamp::now()),
    );
}

/// A reason must be one CamelCase word; what a container reports may be anything.
fn reason_word(reported: Option<&str>, default: &str) -> String {
    reported
        .filter(|r| !r.is_empty() && r.len() <= 64 && r.bytes().all(|b| b.is_ascii_alphanumeric()))
        .unwrap_or(default)
        .to_owned()
}

fn cut(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(REPORTED_TEXT)
        .collect()
}

/// Writes the status, if it differs from what is stored.
pub async fn write(agent: &Agent, context: &Context, next: &AgentStatus) -> Result<(), Error> {
    let old = serde_json::to_value(agent.status.clone().unwrap_or_default())?;
    let Some(change) = merge::diff(&old, &serde_json::to_value(next)?) else {
        return Ok(());
    };
    let api = Api::<Agent>::namespaced(
        context.client.clone(),
        &agent.namespace().unwrap_or_default(),
    );
    let patch = Patch::Merge(json!({ "status": change }));
    api.patch_status(&agent.name_any(), &PatchParams::default(), &patch)
        .await?;
    Ok(())
}
