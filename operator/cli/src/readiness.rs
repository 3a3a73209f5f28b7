//! Whether Agents and Nodes are as they should be, judged from their status.

use agentchat_api::{
    Agent, AgentPhase, AgentStatus, ConditionType, Node, Reason, find_condition, is_true,
};
use anstyle::Style;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use crate::output::{BAD, GOOD, NOTE};

/// How an object does, for somebody who waits for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// What is to be expected of it.
    pub outlook: Outlook,
    /// The same for people.
    pub text: String,
    /// Whether its log may tell more.
    pub log: bool,
}

/// What is to be expected of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// It is as it should be.
    Good,
    /// It is on its way.
    Waiting,
    /// Something hinders it that may pass, as much does while things start.
    Hindered,
    /// A person must do something.
    Bad,
}

impl Readiness {
    /// One whose log tells nothing more.
    pub fn new(outlook: Outlook, text: impl Into<String>) -> Self {
        Self {
            outlook,
            text: text.into(),
            log: false,
        }
    }

    fn but(self, outlook: Outlook) -> Self {
        Self { outlook, ..self }
    }

    /// Whether it is as it should be.
    pub fn is_good(&self) -> bool {
        self.outlook == Outlook::Good
    }

    /// How the text looks.
    pub fn style(&self) -> Style {
        match self.outlook {
            Outlook::Good => GOOD,
            Outlook::Waiting => Style::new(),
            Outlook::Hindered => NOTE,
            Outlook::Bad => BAD,
        }
    }
}

/// What is shown of an Agent whose model has not answered since it began.
pub const NO_ANSWER: &str = "waits for the model's first answer";

/// An Agent that was asked to work; `before` are the tokens that it had written already when it is to begin
/// anew: what it did until then says nothing about now.
pub fn agent(agent: &Agent, before: Option<u64>) -> Readiness {
    let Some(status) = agent
        .status
        .as_ref()
        .filter(|s| s.observed_generation == agent.metadata.generation)
    else {
        return Readiness::new(Outlook::Waiting, "Pending");
    };
    let phase = status.phase.unwrap_or_default();
    let (outlook, text) = line(&format!("{phase:?}"), &status.conditions);
    let readiness = Readiness::new(outlook, text);
    match phase {
        AgentPhase::Suspended if agent.spec.suspend => readiness.but(Outlook::Good),
        AgentPhase::Completed => readiness.but(Outlook::Good),
        AgentPhase::Failed => failed(status, readiness),
        _ if !is_true(&status.conditions, ConditionType::Ready) || agent.spec.suspend => {
            Readiness {
                log: phase == AgentPhase::CrashLoopBackOff,
                ..readiness
            }
        }
        _ if has_thought(status, before) => readiness.but(Outlook::Good),
        _ => Readiness {
            text: format!("{}, {NO_ANSWER}", readiness.text),
            log: true,
            outlook: Outlook::Waiting,
        },
    }
}

/// An Agent that has failed: why, and what a person can do.
fn failed(status: &AgentStatus, readiness: Readiness) -> Readiness {
    let ended = status.last_termination.as_ref();
    let why = ended.map_or("", |last| last.reason.as_str());
    let reason = Reason::parse(why);
    let mut text = readiness.text;
    if !why.is_empty() && !text.contains(&format!("({why})")) {
        text = format!("{text} ({why})");
    }
    if reason == Some(Reason::AuthenticationRefused) {
        text.push_str("; `agentctl up` puts one there from --oauth-token-file or --api-key-file");
    }
    let explained = [
        Reason::AuthenticationRefused,
        Reason::QuotaExhausted,
        Reason::BudgetExhausted,
    ];
    Readiness {
        outlook: Outlook::Bad,
        text,
        log: !reason.is_some_and(|reason| explained.contains(&reason)),
    }
}

/// Whether the model has answered: before that, nobody knows whether its credential is good. Answers are no
/// proof in an Agent that begins anew, those of its last run may be reported late; tokens come with each turn.
fn has_thought(status: &AgentStatus, before: Option<u64>) -> bool {
    let activity = status
        .activity
        .as_ref()
        .map(|activity| activity.state.as_str());
    status.usage.as_ref().is_some_and(|usage| match before {
        Some(tokens) => usage.tokens_out > tokens,
        None => usage.turns > 0,
    }) || matches!(activity, Some("Listening" | "Tool"))
}

/// An Agent that was asked to suspend: `Good` when nothing of it runs.
pub fn suspended(agent: &Agent) -> Readiness {
    let Some(status) = agent
        .status
        .as_ref()
        .filter(|s| s.observed_generation == agent.metadata.generation)
    else {
        return Readiness::new(Outlook::Waiting, "asked to stop");
    };
    let phase = status.phase.unwrap_or_default();
    let is_stopped = match phase {
        AgentPhase::Suspended | AgentPhase::Completed => true,
        // Something that it needs is missing, or its end was bad: then its container tells.
        AgentPhase::Failed | AgentPhase::Pending => {
            !is_true(&status.conditions, ConditionType::ContainerRunning)
        }
        _ => false,
    };
    if is_stopped {
        Readiness::new(Outlook::Good, format!("{phase:?}"))
    } else {
        let (_, text) = line(&format!("{phase:?}"), &status.conditions);
        Readiness::new(Outlook::Waiting, text)
    }
}

/// A Node.
pub fn node(node: &Node) -> Readiness {
    let Some(status) = node
        .status
        .as_ref()
        .filter(|s| s.observed_generation == node.metadata.generation)
    else {
        return Readiness::new(Outlook::Waiting, "Pending");
    };
    let (outlook, text) = line(
        &format!("{:?}", status.phase.unwrap_or_default()),
        &status.conditions,
    );
    let ready = is_true(&status.conditions, ConditionType::Ready);
    Readiness::new(if ready { Outlook::Good } else { outlook }, text)
}

/// Phase, and why it is not Ready.
fn line(phase: &str, conditions: &[Condition]) -> (Outlook, String) {
    let ready = find_condition(conditions, ConditionType::Ready);
    match ready.filter(|c| c.status != "True") {
        Some(c) if !c.message.is_empty() => {
            let needs_action = Reason::parse(&c.reason).is_some_and(Reason::needs_action);
            let outlook = match needs_action {
                true => Outlook::Bad,
                false => Outlook::Hindered,
            };
            (outlook, format!("{phase}: {} ({})", c.message, c.reason))
        }
        Some(c) if c.reason != phase => (Outlook::Waiting, format!("{phase} ({})", c.reason)),
        _ => (Outlook::Waiting, phase.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn made(suspend: bool, generation: i64, status: Value) -> Agent {
        let value = json!({"apiVersion": agentchat_manifests::OWN_API, "kind": "Agent",
            "metadata": {"name": "ada", "generation": generation},
            "spec": {"mission": "x", "suspend": suspend}, "status": status});
        serde_json::from_value(value).unwrap()
    }

    fn ready(status: &str, reason: &str) -> Value {
        json!([{"type": "Ready", "status": status, "reason": reason, "message": "m",
            "lastTransitionTime": "2024-01-01T00:00:00Z"}])
    }

    #[test]
    fn status_of_an_older_spec_is_not_counted() {
        let mut status = json!({"observedGeneration": 1, "phase": "Running",
            "conditions": ready("True", "Ready"), "usage": {"turns": 1}});
        let good = Readiness::new(Outlook::Good, "Running");
        assert_eq!(agent(&made(false, 1, status.clone()), None), good);
        let earlier = agent(&made(false, 1, status.clone()), Some(0));
        assert!(earlier.text.contains(NO_ANSWER), "{earlier:?}");
        let pending = Readiness::new(Outlook::Waiting, "Pending");
        assert_eq!(agent(&made(false, 2, status.clone()), None), pending);
        status["usage"] = Value::Null;
        let thinking = agent(&made(false, 1, status.clone()), None);
        assert!(thinking.text.contains(NO_ANSWER), "{thinking:?}");
        status["activity"] = json!({"state": "Listening"});
        assert_eq!(agent(&made(false, 1, status.clone()), None), good);
        assert!(!suspended(&made(true, 2, status)).is_good());
    }

    #[test]
    fn failed_agent_says_what_to_do() {
        let status = json!({"observedGeneration": 1, "phase": "Failed", "conditions": ready("False", "Ended"),
            "lastTermination": {"reason": "AuthenticationRefused"}});
        let found = agent(&made(false, 1, status), None);
        assert_eq!((found.outlook, found.log), (Outlook::Bad, false));
        let text = found.text;
        assert!(
            text.contains("m (Ended)") && text.contains("--api-key-file"),
            "{text}"
        );
    }

    #[test]
    fn reason_that_needs_action_is_bad_and_others_hinder() {
        let found = |phase: &str, reason: &str| {
            let conditions = ready("False", reason);
            let status = json!({"observedGeneration": 1, "phase": phase, "conditions": conditions});
            agent(&made(false, 1, status), None)
        };
        assert_eq!(found("Pending", "SecretNotFound").outlook, Outlook::Bad);
        assert_eq!(
            found("Pending", "ServerNotReady").outlook,
            Outlook::Hindered
        );
        let crashing = found("CrashLoopBackOff", "RunnerBackingOff");
        assert_eq!((crashing.outlook, crashing.log), (Outlook::Hindered, true));
    }

    #[test]
    fn pending_agent_is_suspended_when_its_container_does_not_run() {
        let pending = |runs: &str| {
            let conditions = json!([{"type": "ContainerRunning", "status": runs, "reason": "x",
                "message": "", "lastTransitionTime": "2024-01-01T00:00:00Z"}]);
            let status =
                json!({"observedGeneration": 1, "phase": "Pending", "conditions": conditions});
            made(true, 1, status)
        };
        assert!(suspended(&pending("False")).is_good());
        assert!(!suspended(&pending("True")).is_good());
    }
}
