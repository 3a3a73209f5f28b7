//! What every reconcile is given.

use std::{path::PathBuf, sync::Arc, time::Duration};

use agentchat_api::{Agent, Node};
use agentchat_driver::Deadlines;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{
    Client, ResourceExt,
    runtime::reflector::{ObjectRef, Store},
};
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::debug;

use crate::{
    cache::{AgentCache, Key, NodeStatusCache, ServiceCache},
    chat::ChatServers,
    engines::{Engines, Machines, tasks::EngineTasks},
    secret::Stored,
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
    /// Image of chat servers whose Node names none.
    pub server_image: String,
    /// Folder of an earlier release's chat servers, `<folder>/<node>/data`: their databases are taken along into
    /// the volumes of their containers, once.
    pub earlier_chat_data: Option<PathBuf>,
    /// How long engines may take.
    pub deadlines: Deadlines,
}

/// What the watches know, read without asking the API.
pub struct Stores {
    /// Agents.
    pub agents: Store<Agent>,
    /// Nodes.
    pub nodes: Store<Node>,
    /// Secrets.
    pub secrets: Store<Secret>,
    /// ConfigMaps.
    pub config_maps: Store<ConfigMap>,
}

impl Stores {
    /// Waits until all watches have given what there is.
    ///
    /// # Errors
    /// When a watch has ended.
    pub async fn wait_until_ready(&self) -> Result<(), crate::error::Error> {
        let ended = |_| crate::error::Error::Stopping;
        self.agents.wait_until_ready().await.map_err(ended)?;
        self.nodes.wait_until_ready().await.map_err(ended)?;
        self.secrets.wait_until_ready().await.map_err(ended)?;
        self.config_maps.wait_until_ready().await.map_err(ended)
    }

    /// An Agent.
    pub fn agent(&self, namespace: &str, name: &str) -> Option<Arc<Agent>> {
        self.agents.get(&ObjectRef::new(name).within(namespace))
    }

    /// What a Secret holds.
    pub fn secret(&self, namespace: &str, name: &str) -> Option<Stored> {
        let found = self.secrets.get(&ObjectRef::new(name).within(namespace))?;
        Some(Stored::of(&found))
    }

    /// One text of a ConfigMap.
    pub fn config_text(&self, namespace: &str, name: &str, key: &str) -> Option<String> {
        let reference = ObjectRef::new(name).within(namespace);
        let found = self.config_maps.get(&reference)?;
        found.data.as_ref()?.get(key).cloned()
    }
}

/// What every reconcile is given.
pub struct Context {
    /// Access to the API.
    pub(crate) client: Client,
    /// What the watches know.
    pub(crate) stores: Stores,
    /// Where engines come from.
    pub(crate) machines: Arc<dyn Machines>,
    /// Engines by Node.
    pub(crate) engines: Engines,
    /// A task for each engine.
    pub(crate) engine_tasks: EngineTasks,
    /// Settings of the swarm.
    pub(crate) settings: Settings,
    /// Connections to chat servers.
    pub(crate) chat: ChatServers,
    /// What is known of agents between two reconciles.
    pub(crate) agents: AgentCache,
    /// The same of what Nodes run for themselves.
    pub(crate) services: ServiceCache,
    /// The last statuses of Nodes that were written.
    pub(crate) node_statuses: NodeStatusCache,
    /// Agents to reconcile again.
    pub(crate) agents_to_wake: mpsc::Sender<Key>,
    /// Nodes to reconcile again.
    pub(crate) nodes_to_wake: mpsc::Sender<String>,
    /// Tasks that follow reports and engines.
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

    /// Has an Agent reconciled again.
    pub(crate) async fn wake_agent(&self, key: Key) {
        if self.agents_to_wake.send(key).await.is_err() {
            debug!("the controller ends; no agent is reconciled any more");
        }
    }

    /// Has a Node reconciled again.
    pub(crate) async fn wake_node(&self, node: &str) {
        if self.nodes_to_wake.send(node.to_owned()).await.is_err() {
            debug!("the controller ends; no node is reconciled any more");
        }
    }

    /// Has the agents that are on a Node, or are to be, reconciled again.
    pub(crate) async fn wake_agents_of(&self, node: &str) {
        for agent in self.stores.agents.state() {
            if is_of_node(&agent, node) {
                self.wake_agent((agent.namespace().unwrap_or_default(), agent.name_any()))
                    .await;
            }
        }
    }

    /// Has a Node and everything on it reconciled again.
    pub(crate) async fn wake_node_and_its_agents(&self, node: &str) {
        self.wake_node(node).await;
        self.wake_agents_of(node).await;
    }
}

/// Whether an Agent is on a Node, or is to be.
fn is_of_node(agent: &Agent, node: &str) -> bool {
    let status = agent.status.as_ref();
    let bound = status.and_then(|status| status.node_name.as_deref());
    bound == Some(node) || agent.spec.placement.node_name.as_deref() == Some(node)
}
