//! From a manifest and what it points at to what the agent is meant to be. Pure, and the only input of the stages
//! that follow: whatever is wrong with the manifest is found here.

mod configuration;
mod container;
mod credential;
mod delivery;
mod placement;
mod resources;
mod run;

use std::sync::Arc;

use agentchat_api::{
    ABANDON_ANNOTATION, Agent, AgentStatus, ConditionType, Node, Reason, volume_name,
};
use agentchat_contract::LimitsConfig;
use agentchat_plan::{Desired, Target};
use kube::ResourceExt;

pub use placement::select_server;

use super::dereference::Dereferenced;
use crate::{
    cache::{Key, key_of},
    chat::ServerAccess,
    container::Workload,
    context::Settings,
};

/// What the agent is meant to be.
pub struct ValidatedAgent {
    /// Namespace and name.
    pub key: Key,
    /// UID of the object.
    pub uid: String,
    /// Generation of the manifest.
    pub generation: Option<i64>,
    /// The newest status.
    pub previous: AgentStatus,
    /// Whether the manifest says that it is suspended.
    pub suspended: bool,
    /// What is to be done with it.
    pub intent: Intent,
    /// Seconds between the request to stop and the kill.
    pub grace_seconds: u32,
    /// Volume that is its home.
    pub home_volume: String,
    /// Node that it is on, by the status.
    pub bound: Option<Bound>,
}

/// The Node that an agent is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// Its name.
    pub node: String,
    /// Whether what is there is given up as long as its engine does not answer: the Node is gone, or an annotation
    /// says so.
    pub given_up: bool,
}

/// What is to be done with an agent.
pub enum Intent {
    /// It runs.
    Run(Box<AgentRun>),
    /// Something that it needs is missing: nothing is begun and nothing ended.
    Hold(UnmetPrecondition),
    /// It is stopped, and keeps what it has.
    Suspend,
    /// It is removed.
    Delete,
}

/// How an agent is run.
pub struct AgentRun {
    /// Its container and what is delivered into it.
    pub workload: Workload,
    /// For the plan.
    pub target: Target,
    /// The key that the chat server must approve; `None` for an ephemeral identity.
    pub approval: Option<Approval>,
    /// Why the chat server can't take it now, if it can't.
    pub server_unready: Option<UnmetPrecondition>,
    /// Limits on what it may use.
    pub limits: LimitsConfig,
}

/// A key that a chat server must approve.
#[derive(Clone, Debug)]
pub struct Approval {
    /// The chat server.
    pub server: ServerAccess,
    /// Public key, PEM.
    pub public_key: String,
    /// Note beside it on the server's allowlist; see [`key_note`](crate::chat::key_note).
    pub note: String,
}

/// Something that an agent needs is not there (yet).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnmetPrecondition {
    /// Condition that it makes False, besides Ready.
    pub condition: ConditionType,
    /// Why, in one word.
    pub reason: Reason,
    /// Why, and what to do.
    pub message: String,
}

impl UnmetPrecondition {
    /// All three.
    pub fn new(condition: ConditionType, reason: Reason, message: impl Into<String>) -> Self {
        Self {
            condition,
            reason,
            message: message.into(),
        }
    }

    /// The manifest contradicts itself.
    fn invalid(message: impl Into<String>) -> Self {
        Self::new(ConditionType::Ready, Reason::InvalidSpec, message)
    }
}

impl ValidatedAgent {
    /// For the plan.
    pub fn desired(&self) -> Desired {
        match &self.intent {
            Intent::Run(run) => Desired::Run(run.target.clone()),
            Intent::Hold(_) => Desired::Hold,
            Intent::Suspend => Desired::Suspended,
            Intent::Delete => Desired::Absent,
        }
    }

    /// How it is run, if it is to run.
    pub fn run(&self) -> Option<&AgentRun> {
        match &self.intent {
            Intent::Run(run) => Some(run),
            _ => None,
        }
    }
}

/// Checks the manifest and what it points at.
pub fn validate(agent: &Agent, found: Dereferenced, settings: &Settings) -> ValidatedAgent {
    let key = key_of(agent);
    let bound = bound(agent, &found.status, &found.nodes);
    let intent = if agent.metadata.deletion_timestamp.is_some() {
        Intent::Delete
    } else if agent.spec.suspend {
        Intent::Suspend
    } else {
        match run::run(agent, &found, (bound.as_ref(), settings)) {
            Ok(run) => Intent::Run(Box::new(run)),
            Err(unmet) => Intent::Hold(unmet),
        }
    };
    ValidatedAgent {
        uid: agent.uid().unwrap_or_default(),
        generation: agent.metadata.generation,
        suspended: agent.spec.suspend,
        grace_seconds: agent.spec.termination_grace_period_seconds,
        home_volume: volume_name(&settings.swarm, &key.0, &key.1),
        previous: found.status,
        intent,
        bound,
        key,
    }
}

/// The Node that the agent is on, and whether it is given up.
fn bound(agent: &Agent, status: &AgentStatus, nodes: &[Arc<Node>]) -> Option<Bound> {
    let node = status.node_name.clone()?;
    let there = nodes.iter().find(|n| n.name_any() == node);
    let by_agent = agent.annotations().get(ABANDON_ANNOTATION);
    let by_node = there.and_then(|n| n.annotations().get(ABANDON_ANNOTATION));
    let given_up = there.is_none()
        || by_node.is_some_and(|says| says == "true")
        || by_agent.is_some_and(|says| says == "true" || *says == node);
    Some(Bound { node, given_up })
}
