//! What every reconcile is given.

use std::sync::Arc;

use agentchat_driver::Engine;
use kube::Client;
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{chat::ChatServers, live::Live};

/// Settings of one swarm.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Name of the swarm, `default` unless given.
    pub swarm: String,
    /// Image of agents that name none.
    pub agent_image: String,
}

/// What every reconcile is given.
pub struct Context {
    /// Access to the API.
    pub(crate) client: Client,
    /// The engine that the operator was started with.
    pub(crate) engine: Arc<dyn Engine>,
    /// Settings of the swarm.
    pub(crate) settings: Settings,
    /// Connections to chat servers.
    pub(crate) chat: ChatServers,
    /// What is known of running containers; rebuilt after a restart.
    pub(crate) live: Live,
    /// Keys `(namespace, name)` of Agents to look at again.
    pub(crate) wake: mpsc::Sender<(String, String)>,
    /// Tasks that follow reports.
    pub(crate) tasks: TaskTracker,
    /// Asks those tasks to end.
    pub(crate) shutdown: CancellationToken,
}
