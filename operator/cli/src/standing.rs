//! How Agents and Nodes stand, judged from their status.

use agentchat_api::{Agent, AgentPhase, AgentStatus, Node, is_true};
use anstyle::Style;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use crate::output::{BAD, GOOD};

/// How an object stands in the eyes of somebody who waits for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is as it should be.
    Good(String),
    /// It may still become so.
    Waiting(String),
    /// It will not become so by itself.
    Bad(String),
}

impl Standing {
    /// The words for it.
    pub fn text(&self) -> &str {
        match self {
            Self::Good(text) | Self::Waiting(text) | Self::Bad(text) => text,
        }
    }

    /// How they look.
    pub fn style(&self) -> Style {
        match self {
            Self::Good(_) => GOOD,
            Self::Waiting(_) => Style::new(),
            Self::Bad(_) => BAD,
        }
    }
}

/// What is said of an Agent whose model has not answered since it began.
pub const NO_ANSWER: &str = "waits for the model's first answer";

/// An Agent that was asked to work.
pub fn agent(agent: &Agent) -> Standing {
    let Some(status) = agent
        .status
        .as_ref()
        .filter(|s| s.observed_generation == agent.metadata.generation)
    else {
        return Standing::Waiting("Pending".into());
    };
    let phase = status.phase.unwrap_or_default();
    let text = line(&format!("{phase:?}"), &status.conditions);
    match phase {
        AgentPhase::Suspended if agent.spec.suspend => Standing::Good(text),
        AgentPhase::Completed => Standing::Good(text),
        AgentPhase::Failed => {
            let why = status
                .last_termination
                .as_ref()
                .map(|last| last.reason.as_str());
            Standing::Bad(format!("{text}{}", why.map(advice).unwrap_or_default()))
        }
        _ if !is_true(&status.conditions, "Ready") || agent.spec.suspend => Standing::Waiting(text),
        _ if has_thought(status) => Standing::Good(text),
        _ => Standing::Waiting(format!("{text}, {NO_ANSWER}")),
    }
}

/// Whether the model has answered: before that, nobody knows whether its credential is good.
fn has_thought(status: &AgentStatus) -> bool {
    let activity = status
        .activity
        .as_ref()
        .map(|activity| activity.state.as_str());
    status.usage.as_ref().is_some_and(|usage| usage.turns > 0)
        || matches!(activity, Some("Listening" | "Tool"))
}

/// A termination reason, and what a person can do.
fn advice(reason: &str) -> String {
    let hint = match reason {
        "AuthenticationRefused" => {
            ": the model's credential was refused; give a good one with --oauth-token-file or --api-key-file"
        }
        "QuotaExhausted" => ": the account's quota is used up",
        _ => "",
    };
    format!(" ({reason}{hint})")
}

/// An Agent that was asked to rest: `Good` when nothing of it runs.
pub fn rest(agent: &Agent) -> Standing {
    let Some(status) = agent
        .status
        .as_ref()
        .filter(|s| s.observed_generation == agent.metadata.generation)
    else {
        return Standing::Waiting("asked to rest".into());
    };
    let phase = status.phase.unwrap_or_default();
    let text = line(&format!("{phase:?}"), &status.conditions);
    let at_rest = match phase {
        AgentPhase::Suspended | AgentPhase::Completed => true,
        // Something that it needs is missing, or its end was bad: then its container tells.
        AgentPhase::Failed | AgentPhase::Pending => {
            !is_true(&status.conditions, "ContainerRunning")
        }
        _ => false,
    };
    if at_rest {
        Standing::Good(format!("{phase:?}"))
    } else {
        Standing::Waiting(text)
    }
}

/// A Node.
pub fn node(node: &Node) -> Standing {
    let Some(status) = node
        .status
        .as_ref()
        .filter(|s| s.observed_generation == node.metadata.generation)
    else {
        return Standing::Waiting("Pending".into());
    };
    let text = line(
        &format!("{:?}", status.phase.unwrap_or_default()),
        &status.conditions,
    );
    let reason = status
        .conditions
        .iter()
        .find(|c| c.type_ == "Ready")
        .map(|c| c.reason.as_str());
    match reason {
        _ if is_true(&status.conditions, "Ready") => Standing::Good(text),
        Some("MachineUnsupported") => Standing::Bad(text),
        _ => Standing::Waiting(text),
    }
}

/// Phase, and why it is not Ready.
fn line(phase: &str, conditions: &[Condition]) -> String {
    match conditions
        .iter()
        .find(|c| c.type_ == "Ready" && c.status != "True")
    {
        Some(c) if !c.message.is_empty() => format!("{phase}: {} ({})", c.message, c.reason),
        Some(c) if c.reason != phase => format!("{phase} ({})", c.reason),
        _ => phase.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn made(suspend: bool, generation: i64, status: Value) -> Agent {
        let value = json!({"apiVersion": crate::manifest::OWN_API, "kind": "Agent",
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
        let good = Standing::Good("Running".into());
        assert_eq!(agent(&made(false, 1, status.clone())), good);
        let pending = Standing::Waiting("Pending".into());
        assert_eq!(agent(&made(false, 2, status.clone())), pending);
        status["usage"] = Value::Null;
        let thinking = agent(&made(false, 1, status.clone()));
        assert!(thinking.text().contains(NO_ANSWER), "{thinking:?}");
        status["activity"] = json!({"state": "Listening"});
        assert_eq!(agent(&made(false, 1, status.clone())), good);
        assert!(matches!(rest(&made(true, 2, status)), Standing::Waiting(_)));
    }

    #[test]
    fn failures_say_what_to_do() {
        let status = json!({"observedGeneration": 1, "phase": "Failed", "conditions": ready("False", "Ended"),
            "lastTermination": {"reason": "AuthenticationRefused"}});
        let Standing::Bad(text) = agent(&made(false, 1, status)) else {
            panic!("not bad")
        };
        assert!(
            text.contains("m (Ended)") && text.contains("--api-key-file"),
            "{text}"
        );
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
        assert!(matches!(rest(&pending("False")), Standing::Good(_)));
        assert!(matches!(rest(&pending("True")), Standing::Waiting(_)));
    }
}
