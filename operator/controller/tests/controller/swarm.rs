//! One swarm: the controllers as they run, what they run on, and hands to work on it.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use agentchat_api::{Agent, AgentPhase, Machine, Node};
use agentchat_apiserver::{ApiServer, Options};
use agentchat_contract::{Activity, ActivityState, ChatState, Phase, State};
use agentchat_controller::{Engines, MachineError, Machines, Settings};
use agentchat_driver::{Container, ContainerPhase, Deadlines, Engine, FakeEngine};
use futures::{FutureExt, future::BoxFuture};
use k8s_openapi::{api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::Condition};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::{task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    server::{ChatServer, free_port},
    wait::{DEADLINE, until},
};

/// The image of chat servers.
pub const SERVER_IMAGE: &str = "server-image";
/// The image of agents.
pub const IMAGE: &str = "agent-image";
/// The credential that agents are given; it must show up nowhere but in deliveries.
pub const CREDENTIAL: &str = "planted-credential";

/// Engines in memory: each Node has the swarm's one, unless it was given another.
struct FakeMachines {
    common: Arc<FakeEngine>,
    own: Mutex<BTreeMap<String, Arc<FakeEngine>>>,
}

impl Machines for FakeMachines {
    fn engine<'a>(
        &'a self,
        node: &'a str,
        machine: &'a Machine,
    ) -> BoxFuture<'a, Result<Arc<dyn Engine>, MachineError>> {
        async move {
            if machine.local.is_none() {
                return Err(MachineError::Unsupported("only `local: {}`".into()));
            }
            let own = self.own.lock().unwrap().get(node).cloned();
            Ok(own.unwrap_or_else(|| self.common.clone()) as Arc<dyn Engine>)
        }
        .boxed()
    }
}

/// One swarm.
pub struct Swarm {
    pub engine: Arc<FakeEngine>,
    machines: Arc<FakeMachines>,
    /// Where an earlier release kept its chat servers' data.
    pub earlier_chat_data: PathBuf,
    pub client: Client,
    folder: tempfile::TempDir,
    _api: ApiServer,
    operator: Option<(CancellationToken, JoinHandle<()>)>,
}

impl Swarm {
    /// The controllers, and nothing declared.
    pub async fn empty() -> Self {
        let crds = agentchat_api::crds().unwrap();
        Self::with_crds(crds.into_iter().map(|(_, yaml)| yaml).collect()).await
    }

    /// As [`Swarm::empty`], with other resource definitions.
    pub async fn with_crds(crds: Vec<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let api = ApiServer::open(Options {
            data_dir: folder.path().join("api"),
            listen: "127.0.0.1:0".parse().unwrap(),
            crds,
        })
        .await
        .unwrap();
        let engine = Arc::new(FakeEngine::new("swarm-id", &[IMAGE, SERVER_IMAGE]));
        let mut swarm = Self {
            machines: Arc::new(FakeMachines {
                common: engine.clone(),
                own: Mutex::default(),
            }),
            engine,
            earlier_chat_data: folder.path().join("chat"),
            client: api.client(),
            folder,
            _api: api,
            operator: None,
        };
        swarm.start_operator();
        swarm
    }

    /// With a chat server, a Node for agents, and a credential.
    pub async fn ready() -> (Self, ChatServer) {
        let swarm = Self::empty().await;
        swarm.credential(CREDENTIAL).await;
        swarm.node("client-1", json!({"role": "Client"})).await;
        let chat = swarm.chat_server("server-1").await;
        swarm.node_ready("client-1").await;
        (swarm, chat)
    }

    /// Declares a Node of role Server, and runs its server.
    pub async fn chat_server(&self, name: &str) -> ChatServer {
        let port = free_port();
        let endpoint = format!("wss://127.0.0.1:{port}");
        let server = json!({"endpoint": endpoint, "channels": ["#general"]});
        self.node(name, json!({"role": "Server", "server": server}))
            .await;
        let server = ChatServer::start(&self.client, name, port, self.folder()).await;
        self.node_ready(name).await;
        server
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn start_operator(&mut self) {
        self.start_operator_as(self.client.clone());
    }

    /// The controllers, with what a client of their own may do.
    pub fn start_operator_as(&mut self, client: Client) {
        let settings = Settings {
            swarm: "default".into(),
            agent_image: IMAGE.into(),
            server_image: SERVER_IMAGE.into(),
            earlier_chat_data: Some(self.earlier_chat_data.clone()),
            deadlines: Deadlines {
                deliver: Duration::from_secs(1),
                ..Deadlines::default()
            },
        };
        let shutdown = CancellationToken::new();
        let run = agentchat_controller::run(
            client,
            self.machines.clone(),
            Engines::default(),
            settings,
            shutdown.clone(),
        );
        self.operator = Some((shutdown, tokio::spawn(run)));
    }

    /// Stops the controllers as SIGTERM does.
    pub async fn stop_operator(&mut self) {
        let (shutdown, running) = self.operator.take().unwrap();
        shutdown.cancel();
        let ended = timeout(DEADLINE, running).await;
        ended.expect("the controllers did not end").unwrap();
    }

    /// Ends the controllers as SIGKILL does.
    pub async fn kill_operator(&mut self) {
        let (_, running) = self.operator.take().unwrap();
        running.abort();
        drop(running.await);
    }

    /// Gives a Node that is declared later an engine of its own.
    pub fn own_engine(&self, node: &str) -> Arc<FakeEngine> {
        let engine = FakeEngine::named(node, "swarm-id", &[IMAGE, SERVER_IMAGE]);
        let engine = Arc::new(engine);
        let mut own = self.machines.own.lock().unwrap();
        own.insert(node.to_owned(), engine.clone());
        engine
    }

    /// Declares a Node of role Client with an engine of its own, and waits until it is Ready.
    pub async fn node_with_own_engine(&self, name: &str) -> Arc<FakeEngine> {
        let engine = self.own_engine(name);
        self.node(name, json!({"role": "Client"})).await;
        self.node_ready(name).await;
        engine
    }

    /// Annotates a Node or, in the default namespace, an Agent.
    pub async fn annotate<K>(&self, api: &Api<K>, name: &str, key: &str, value: &str)
    where
        K: Resource + Clone + Debug + DeserializeOwned,
    {
        let patch = Patch::Merge(json!({"metadata": {"annotations": {key: value}}}));
        let params = PatchParams::default();
        api.patch(name, &params, &patch).await.unwrap();
    }

    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>,
    {
        Api::default_namespaced(self.client.clone())
    }

    pub fn nodes(&self) -> Api<Node> {
        Api::all(self.client.clone())
    }

    pub async fn node(&self, name: &str, spec: Value) {
        let mut spec = spec;
        if spec.get("machine").is_none() {
            spec["machine"] = json!({"local": {}});
        }
        let node: Node = object("agentchat.dev/v1alpha1", "Node", name, spec);
        create(&self.nodes(), &node).await;
    }

    pub async fn credential(&self, value: &str) {
        let secret: Secret = serde_json::from_value(
            json!({"metadata": {"name": "claude"}, "stringData": {"api-key": value}}),
        )
        .unwrap();
        let api = self.api::<Secret>();
        if api.get_opt("claude").await.unwrap().is_some() {
            let patch = Patch::Merge(json!({"stringData": {"api-key": value}}));
            api.patch("claude", &PatchParams::default(), &patch)
                .await
                .unwrap();
        } else {
            create(&api, &secret).await;
        }
    }

    /// Declares an Agent; `spec` may say more than the mission.
    pub async fn agent(&self, name: &str, spec: Value) {
        let mut spec = spec;
        if spec.get("mission").is_none() {
            spec["mission"] = "say hello".into();
        }
        let agent: Agent = object("agentchat.dev/v1alpha1", "Agent", name, spec);
        create(&self.api(), &agent).await;
    }

    pub async fn change(&self, name: &str, spec: Value) {
        let patch = Patch::Merge(json!({ "spec": spec }));
        self.api::<Agent>()
            .patch(name, &PatchParams::default(), &patch)
            .await
            .unwrap();
    }

    pub async fn delete(&self, name: &str) {
        self.api::<Agent>()
            .delete(name, &DeleteParams::default())
            .await
            .unwrap();
    }

    /// Waits until an Agent is as wanted.
    pub async fn agent_until(&self, name: &str, what: &str, is: impl Fn(&Agent) -> bool) -> Agent {
        let api = self.api::<Agent>();
        until(&format!("Agent {name}: {what}"), async || {
            let agent = api.get(name).await.unwrap();
            if is(&agent) {
                Ok(agent)
            } else {
                Err(agent.status)
            }
        })
        .await
    }

    pub async fn phase(&self, name: &str, phase: AgentPhase) -> Agent {
        let what = format!("{phase:?}");
        self.agent_until(name, &what, |a| {
            let status = a.status.as_ref();
            status.is_some_and(|s| {
                s.phase == Some(phase) && s.observed_generation == a.metadata.generation
            })
        })
        .await
    }

    /// Waits until a condition of an Agent is False for this reason; gives its message.
    pub async fn lacks(&self, name: &str, type_: &str, reason: &str) -> String {
        let found = |a: &Agent| {
            let found = agent_condition(a, type_)?;
            (found.status == "False" && found.reason == reason).then_some(found.message)
        };
        let what = format!("{type_} False, {reason}");
        let agent = self.agent_until(name, &what, |a| found(a).is_some()).await;
        found(&agent).unwrap()
    }

    pub async fn node_until(&self, name: &str, what: &str, is: impl Fn(&Node) -> bool) -> Node {
        let api = self.nodes();
        until(&format!("Node {name}: {what}"), async || {
            let node = api.get(name).await.unwrap();
            if is(&node) {
                Ok(node)
            } else {
                Err(node.status)
            }
        })
        .await
    }

    pub async fn node_ready(&self, name: &str) -> Node {
        self.node_until(name, "Ready", |n| {
            node_condition(n, "Ready").is_some_and(|c| c.status == "True")
        })
        .await
    }

    /// The containers of an agent.
    pub fn containers(&self, name: &str) -> Vec<Container> {
        containers_on(&self.engine, name)
    }

    /// Waits until an agent's only container runs and was given its configuration.
    pub async fn runs(&self, name: &str) -> Container {
        self.runs_on(&self.engine, name).await
    }

    /// As [`Swarm::runs`], on another engine.
    pub async fn runs_on(&self, engine: &FakeEngine, name: &str) -> Container {
        until(&format!("{name}'s container runs"), async || {
            let all = containers_on(engine, name);
            let given = engine.deliveries();
            match &all[..] {
                [one]
                    if one.phase == ContainerPhase::Running
                        && given.iter().any(|(id, _)| *id == one.id) =>
                {
                    Ok(one.clone())
                }
                _ => Err(all),
            }
        })
        .await
    }

    /// Has an agent's container report that it listens, and waits until the status says so.
    pub async fn listens(&self, name: &str) -> Agent {
        let container = self.runs(name).await;
        self.engine.report_state(&container.id, listening());
        self.phase(name, AgentPhase::Listening).await
    }

    /// A file of the last delivery into an agent's container.
    pub fn delivered(&self, name: &str, path: &str) -> Option<Vec<u8>> {
        let ids: Vec<_> = self.containers(name).into_iter().map(|c| c.id).collect();
        let all = self.engine.deliveries();
        let (_, last) = all.iter().rev().find(|(id, _)| ids.contains(id))?;
        let file = last.files.iter().find(|f| f.path == path)?;
        Some(file.contents.clone())
    }

    /// How often something was asked of the engine.
    pub fn count(&self, action: &str) -> usize {
        let calls = self.engine.calls();
        let of = |call: &&String| call.split(' ').next() == Some(action);
        calls.iter().filter(of).count()
    }
}

/// The containers of an agent on one engine.
pub fn containers_on(engine: &FakeEngine, name: &str) -> Vec<Container> {
    let label = |c: &Container| c.labels.get("agentchat.dev/name").cloned();
    let mut all = engine.containers();
    all.retain(|c| label(c).as_deref() == Some(name));
    all
}

/// What a supervisor reports of an agent that waits for messages.
pub fn listening() -> State {
    State {
        phase: Phase::Running,
        chat: ChatState {
            connected: true,
            agent_id: Some("@ada".into()),
            ..ChatState::default()
        },
        activity: Activity {
            state: ActivityState::Listening,
            since: 0,
        },
        ..State::default()
    }
}

pub fn agent_condition(agent: &Agent, type_: &str) -> Option<Condition> {
    let conditions = &agent.status.as_ref()?.conditions;
    conditions.iter().find(|c| c.type_ == type_).cloned()
}

pub fn node_condition(node: &Node, type_: &str) -> Option<Condition> {
    let conditions = &node.status.as_ref()?.conditions;
    conditions.iter().find(|c| c.type_ == type_).cloned()
}

pub fn object<K: DeserializeOwned>(version: &str, kind: &str, name: &str, spec: Value) -> K {
    let value =
        json!({"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec});
    serde_json::from_value(value).unwrap()
}

pub async fn create<K>(api: &Api<K>, object: &K)
where
    K: Resource + Clone + Debug + Serialize + DeserializeOwned,
{
    let made = api.create(&PostParams::default(), object).await;
    made.unwrap_or_else(|e| panic!("{} could not be created: {e}", object.name_any()));
}
