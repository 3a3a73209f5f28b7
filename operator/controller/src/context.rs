//! What every reconcile is given.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use agentchat_api::Agent;
use agentchat_driver::Engine;
use kube::{Client, runtime::reflector::Store};
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    chat::ChatServers,
    live::{Key, Live},
};

/// How long a reconcile that is under way may go on after the shutdown; whatever it leaves undone, the next
/// start of the operator finds and does.
const GRACE: Duration = Duration::from_secs(5);

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
    /// What is known of agents between two looks.
    pub(crate) live: Live,
    /// Agents to look at again.
    pub(crate) wake: mpsc::Sender<Key>,
    /// Agents as the watch knows them, once it runs.
    pub(crate) agents: OnceLock<Store<Agent>>,
    /// Tasks that follow reports and the engine.
    pub(crate) tasks: TaskTracker,
    /// Asks those tasks to end.
    pub(crate) shutdown: CancellationToken,
}

impl Context {
    /// Until there is no more time to finish.
    pub(crate) async fn out_of_time(&self) {
        self.shutdown.cancelled().await;
        tokio::time::sleep(GRACE).await;
    }
}
