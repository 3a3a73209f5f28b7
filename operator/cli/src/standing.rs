//! How Agents and Nodes stand, judged from their status.

use agentchat_api::{Agent, AgentPhase, AgentStatus, Node, is_true};
use anstyle::Style;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use crate::output::{BAD, GOOD, NOTE};

/// How an object stands in the eyes of somebody who waits for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What is to be expected of it.
    pub outlook: Outlook,
    /// The words for it.
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
    /// Something stands in its way that may go away by itself, as much does while things start.
    Hindered,
    /// It will not become as it should be by itself.
    Bad,
}

impl Standing {
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

    /// How the words look.
    pub fn style(&self) -> Style {
        match self.outlook {
            Outlook::Good => GOOD,
            Outlook::Waiting => Style::new(),
            Outlook::Hindered => NOTE,
            Outlook::Bad => BAD,
        }
    }
}

/// Reasons of an Agent that somebody must do something about, and of a Node.
const STUCK: [&str; 12] = [
    "ConfigMapNotFound",
    "EngineRefused",
    "IdentityRequired",
    "ImageNotFound",
    "InvalidSpec",
    "MachineUnsupported",
    "NodeNotFound",
    "NodeNotUsable",
    "NoNode",
    "SecretNotFound",
    "ServerAmbiguous",
    "ServerNotFound",
];

/// What is said of an Agent whose model has not answered since it began.
pub const NO_ANSWER: &str = "waits for the model's first answer";

/// An Agent that was asked to work; `before` are the tokens that it had written already when it is to begin
/// anew: what it did until then says nothing about now.
pub fn agent(agent: &Agent, before: Option<u64>) -> Standing {
    let Some(status) = agent
        .status
        .as_ref()
        .filter(|s| s.observed_generation == agent.metadata.generation)
    else {
        return Standing::new(Outlook::Waiting, "Pending");
    };
    let phase = status.phase.unwrap_or_default();
    let (outlook, text) = line(&format!("{phase:?}"), &status.conditions);
    let standing = Standing::new(outlook, text);
    match phase {
        AgentPhase::Suspended if agent.spec.suspend => standing.but(Outlook::Good),
        AgentPhase::Completed => standing.but(Outlook::Good),
        AgentPhase::Failed => failed(status, standing),
        _ if !is_true(&status.conditions, "Ready") || agent.spec.suspend => Standing {
            log: phase == AgentPhase::CrashLoopBackOff,
            ..standing
        },
        _ if has_thought(status, before) => standing.but(Outlook::Good),
        _ => Standing {
            text: format!("{}, {NO_ANSWER}", standing.text),
            log: true,
            outlook: Outlook::Waiting,
        },
    }
}

/// An Agent that has failed: why, and what a person can do.
fn failed(status: &AgentStatus, standing: Standing) -> Standing {
    let ended = status.last_termination.as_ref();
    let why = ended.map_or("", |last| last.reason.as_str());
    let mut text = standing.text;
    if !why.is_empty() && !text.contains(&format!("({why})")) {
        text = format!("{text} ({why})");
    }
    if why == "AuthenticationRefused" {
        text.push_str("; `agentctl up` puts one there from --oauth-token-file or --api-key-file");
    }
    let explained = ["AuthenticationRefused", "QuotaExhausted", "BudgetExhausted"];
    Standing {
        outlook: Outlook::Bad,
        text,
        log: !explained.contains(&why),
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

/// An Agent that was asked to rest: `Good` when nothing of it runs.
pub fn rest(agent: &Agent) -> Standing {
    let Some(status) = agent
        .status
        .as_ref()
        .filter(|s| s.observed_generation == agent.metadata.generation)
    else {
        return Standing::new(Outlook::Waiting, "asked to rest");
    };
    let phase = status.phase.unwrap_or_default();
    let at_rest = match phase {
        AgentPhase::Suspended | AgentPhase::Completed => true,
        // Something that it needs is missing, or its end was bad: then its container tells.
        AgentPhase::Failed | AgentPhase::Pending => {
            !is_true(&status.conditions, "ContainerRunning")
        }
        _ => false,
    };
    if at_rest {
        Standing::new(Outlook::Good, format!("{phase:?}"))
    } else {
        let (_, text) = line(&format!("{phase:?}"), &status.conditions);
        Standing::new(Outlook::Waiting, text)
    }
}

/// A Node.
pub fn node(node: &Node) -> Standing {
    let Some(status) = node
        .status
        .as_ref()
        .filter(|s| s.observed_generation == node.metadata.generation)
    else {
        return Standing::new(Outlook::Waiting, "Pending");
    };
    let (outlook, text) = line(
        &format!("{:?}", status.phase.unwrap_or_default()),
        &status.conditions,
    );
    let ready = is_true(&status.conditions, "Ready");
    Standing::new(if ready { Outlook::Good } else { outlook }, text)
}

/// Phase, and why it is not Ready.
fn line(phase: &str, conditions: &[Condition]) -> (Outlook, String) {
    let unready = |c: &&Condition| c.type_ == "Ready" && c.status != "True";
    match conditions.iter().find(unready) {
        Some(c) if !c.message.is_empty() => {
            let outlook = if STUCK.contains(&c.reason.as_str()) {
                Outlook::Bad
            } else {
                Outlook::Hindered
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
    fn a_status_of_an_older_spec_counts_for_nothing() {
        let mut status = json!({"observedGeneration": 1, "phase": "Running",
            "conditions": ready("True", "Ready"), "usage": {"turns": 1}});
        let good = Standing::new(Outlook::Good, "Running");
        assert_eq!(agent(&made(false, 1, status.clone()), None), good);
        let earlier = agent(&made(false, 1, status.clone()), Some(0));
        assert!(earlier.text.contains(NO_ANSWER), "{earlier:?}");
        let pending = Standing::new(Outlook::Waiting, "Pending");
        assert_eq!(agent(&made(false, 2, status.clone()), None), pending);
        status["usage"] = Value::Null;
        let thinking = agent(&made(false, 1, status.clone()), None);
        assert!(thinking.text.contains(NO_ANSWER), "{thinking:?}");
        status["activity"] = json!({"state": "Listening"});
        assert_eq!(agent(&made(false, 1, status.clone()), None), good);
        assert!(!rest(&made(true, 2, status)).is_good());
    }

    #[test]
    fn failures_say_what_to_do() {
        let status = json!({"observedGeneration": 1, "phase": "Failed", "conditions": ready("False", "Ended"),
            "lastTermination": {"reason": "AuthenticationRefused"}});
        let stands = agent(&made(false, 1, status), None);
        assert_eq!((stands.outlook, stands.log), (Outlook::Bad, false));
        let text = stands.text;
        assert!(
            text.contains("m (Ended)") && text.contains("--api-key-file"),
            "{text}"
        );
    }

    #[test]
    fn what_goes_away_by_itself_is_told_from_what_does_not() {
        let stands = |phase: &str, reason: &str| {
            let conditions = ready("False", reason);
            let status = json!({"observedGeneration": 1, "phase": phase, "conditions": conditions});
            agent(&made(false, 1, status), None)
        };
        assert_eq!(stands("Pending", "SecretNotFound").outlook, Outlook::Bad);
        assert_eq!(
            stands("Pending", "ServerNotReady").outlook,
            Outlook::Hindered
        );
        let crashing = stands("CrashLoopBackOff", "RunnerBackingOff");
        assert_eq!((crashing.outlook, crashing.log), (Outlook::Hindered, true));
    }

    #[test]
    fn rest_is_judged_by_the_container_where_the_phase_does_not_tell() {
        let pending = |runs: &str| {
            let conditions = json!([{"type": "ContainerRunning", "status": runs, "reason": "x",
                "message": "", "lastTransitionTime": "2024-01-01T00:00:00Z"}]);
            let status =
                json!({"observedGeneration": 1, "phase": "Pending", "conditions": conditions});
            made(true, 1, status)
        };
        assert!(rest(&pending("False")).is_good());
        assert!(!rest(&pending("True")).is_good());
    }
}
