//! From a Node's manifest and what it points at to what it is meant to be. Pure, and the only input of the stages
//! that follow.

mod chat_server;
mod scripted_model;

use std::path::PathBuf;

use agentchat_api::{
    ABANDON_ANNOTATION, Endpoint, Machine, Node, NodeRole, NodeStatus, Reason, network_name,
};
use agentchat_plan::Target;
use kube::ResourceExt;

use super::dereference::Dereferenced;
use crate::{chat::ServerAccess, container::Workload, context::Settings, error::Error};

/// What a Node is meant to be.
pub struct ValidatedNode {
    /// Its name.
    pub name: String,
    /// UID of the object.
    pub uid: String,
    /// Generation of the manifest.
    pub generation: Option<i64>,
    /// The newest status.
    pub previous: NodeStatus,
    /// The machine.
    pub machine: Machine,
    /// Name of the swarm; notes on allowlists have it.
    pub swarm: String,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// Whether what is on it is given up as long as its engine does not answer.
    pub given_up: bool,
    /// What it runs for itself.
    pub services: Vec<Service>,
    /// Its chat server; role Server.
    pub chat: Option<ValidatedChat>,
    /// What is wrong with the manifest or the Secrets.
    pub problem: Option<Problem>,
    /// Name of the swarm's network, when no other Node stays and it goes with this one.
    pub last_network: Option<String>,
}

/// Why a Node is not as it should be: one word, and a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The word.
    pub reason: Reason,
    /// The sentence.
    pub message: String,
}

impl Problem {
    /// Both.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { reason, message }
    }
}

/// Something that a Node runs for itself, in a container.
pub struct Service {
    /// Value of its label; see [`agentchat_driver::labels::COMPONENT`].
    pub component: &'static str,
    /// What is to run; `None` when it is to be gone.
    pub wanted: Option<(Workload, Target)>,
    /// Volume that outlives its container.
    pub volume: String,
    /// Whether it is kept, stopped, when it is not wanted: it has data.
    pub has_data: bool,
    /// A folder of an earlier release whose files are taken along into the volume.
    pub earlier_data: Option<PathBuf>,
}

/// A chat server, whoever runs it.
pub struct ValidatedChat {
    /// How the operator reaches it; `None` until its keys are there.
    pub access: Option<ServerAccess>,
    /// Channels that are kept.
    pub channels: Vec<String>,
    /// How it is reached, to be published.
    pub endpoints: Vec<Endpoint>,
    /// Whether it is run elsewhere.
    pub external: bool,
}

/// Checks the manifest and what it points at.
pub fn validate(node: &Node, found: Dereferenced, settings: &Settings) -> ValidatedNode {
    let name = node.name_any();
    let deleting = node.metadata.deletion_timestamp.is_some();
    let annotation = node.annotations().get(ABANDON_ANNOTATION);
    let (mut services, mut chat, mut problem) = (vec![], None, None);
    if node.spec.role == NodeRole::Server {
        let (access, keys) = match &found.keys {
            Some(Ok(keys)) => (Some(keys), None),
            Some(Err(Error::Invalid(message))) => (
                None,
                Some(Problem::new(Reason::InvalidSpec, message.clone())),
            ),
            Some(Err(error)) => {
                let message = crate::error::chain(error);
                (None, Some(Problem::new(Reason::ReconcileFailed, message)))
            }
            None => (None, None),
        };
        problem = keys;
        chat = Some(chat_server::chat(node, access));
        services.push(chat_server::service(node, access, settings));
        services.push(scripted_model::service(node, settings));
    }
    ValidatedNode {
        uid: node.uid().unwrap_or_default(),
        generation: node.metadata.generation,
        previous: found.status,
        machine: node.spec.machine.clone(),
        swarm: settings.swarm.clone(),
        given_up: annotation.map(String::as_str) == Some("true"),
        last_network: (!found.has_siblings).then(|| network_name(&settings.swarm)),
        name,
        deleting,
        services,
        chat,
        problem,
    }
}
