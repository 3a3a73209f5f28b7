//! What is there of one Node: its engine, what runs there, its chat server. What the engine answers is noted for
//! everybody else; see [`Engines`](crate::engines::Engines).

use std::sync::Arc;

use agentchat_api::{NodeInfo, Reason};
use agentchat_driver::{Bounded, Listed, Selector, labels};
use agentchat_plan::{Containers, Observed};
use k8s_openapi::jiff::Timestamp;
use tracing::info;

use super::{
    talkers::{Talker, talkers},
    validate::{Problem, Service, ValidatedNode},
};
use crate::{
    cache::CachedService,
    chat::ServerContents,
    container::{Found, Search, find},
    context::Context,
    engines::{Connection, EngineState, MachineError, watch},
    error::{Error, chain},
};

/// What is there of one Node.
pub struct ObservedNode {
    /// What runs the containers, or why it does not answer.
    pub engine: Result<NodeInfo, Problem>,
    /// Containers of agents on it; `None` while nothing is known.
    pub agents: Option<AgentCount>,
    /// Whether anything of the swarm is on its engine.
    pub engine_is_empty: bool,
    /// What it runs for itself, in the order of [`ValidatedNode::services`].
    pub services: Vec<ObservedService>,
    /// What its chat server has; `None` when there is none, and when it was not asked since it does not run.
    pub chat: Option<Result<ServerContents, Error>>,
    /// Agents that talk through its chat server; while there are any, the Node is not deleted.
    pub talkers: Vec<Talker>,
}

/// Containers of agents on a Node.
#[derive(Clone, Copy, Debug, Default)]
pub struct AgentCount {
    /// All of them.
    pub all: usize,
    /// Those that run.
    pub running: usize,
}

/// What is there of something that a Node runs for itself.
pub struct ObservedService {
    /// Its containers.
    pub found: Vec<Found>,
    /// How often it was started again.
    pub restarts: u32,
    /// For the plan.
    pub for_plan: Observed,
}

/// Looks at all of it.
pub async fn observe(node: &ValidatedNode, context: &Arc<Context>) -> ObservedNode {
    let engine = connect(node, context).await;
    let (mut agents, mut engine_is_empty) = (None, false);
    let mut engine = match engine {
        Ok(connection) => match connection.engine.list().await {
            Ok(all) => {
                agents = Some(count(&all, node));
                engine_is_empty = !all.iter().any(|c| is_agent(c) || !is_of(c, node));
                Ok(node_info(&connection))
            }
            Err(error) => Err(Problem::new(Reason::EngineUnreachable, chain(&error))),
        },
        Err(problem) => Err(problem),
    };
    let mut services = vec![];
    for service in &node.services {
        match observe_service(node, service, context).await {
            Ok(observed) => services.push(observed),
            Err(message) => {
                if engine.is_ok() {
                    engine = Err(Problem::new(Reason::EngineUnreachable, message));
                }
                services.push(ObservedService::unknown());
            }
        }
    }
    let chat = observe_chat(node, &services, context).await;
    ObservedNode {
        engine,
        agents,
        engine_is_empty,
        services,
        talkers: node
            .chat
            .as_ref()
            .map_or(vec![], |_| talkers(&node.name, context)),
        chat,
    }
}

/// Asks the engine who it is, and notes for everybody what it answers.
async fn connect(node: &ValidatedNode, context: &Arc<Context>) -> Result<Connection, Problem> {
    let name = &node.name;
    if node.chat.as_ref().is_some_and(|chat| chat.external) && node.machine.local.is_none() {
        // There is no machine: the chat server is run elsewhere.
        return Err(Problem::new(Reason::Answering, ""));
    }
    match ask(node, context).await {
        Ok(connection) => {
            if context.engines.answers(name, connection.clone()) {
                info!(engine = connection.info.id, "the engine answers");
                context.wake_agents_of(name).await;
            }
            watch::ensure(context, &connection);
            Ok(connection)
        }
        Err(error) => {
            let message = chain(&error);
            if context
                .engines
                .fails(name, message.clone(), Timestamp::now())
            {
                info!(error = message, "the engine does not answer");
                context.wake_agents_of(name).await;
            }
            let reason = match error {
                MachineError::Unsupported(_) => Reason::MachineUnsupported,
                MachineError::Engine(_) => Reason::EngineUnreachable,
            };
            Err(Problem::new(reason, message))
        }
    }
}

async fn ask(node: &ValidatedNode, context: &Context) -> Result<Connection, MachineError> {
    let engine = match context.engines.state(&node.name) {
        EngineState::Connected(connection) => connection.engine,
        _ => {
            let engine = context.machines.engine(&node.name, &node.machine).await?;
            Arc::new(Bounded::new(engine, context.settings.deadlines))
        }
    };
    let info = engine.info().await?;
    Ok(Connection { engine, info })
}

fn node_info(connection: &Connection) -> NodeInfo {
    let info = connection.info.clone();
    NodeInfo {
        engine_id: info.id,
        podman_version: info.version,
        api_version: info.api_version,
        kernel: info.kernel,
        architecture: info.architecture,
        os: info.os,
    }
}

fn is_agent(container: &Listed) -> bool {
    !container.labels.contains_key(labels::COMPONENT)
}

fn is_of(container: &Listed, node: &ValidatedNode) -> bool {
    container.labels.get(labels::NODE) == Some(&node.name)
}

fn count(all: &[Listed], node: &ValidatedNode) -> AgentCount {
    let here = |c: &&Listed| is_agent(c) && is_of(c, node);
    AgentCount {
        all: all.iter().filter(here).count(),
        running: all.iter().filter(here).filter(|c| c.running).count(),
    }
}

impl ObservedService {
    /// The engine does not answer.
    fn unknown() -> Self {
        Self {
            found: vec![],
            restarts: 0,
            for_plan: Observed {
                containers: Containers::Unknown,
                ..Observed::default()
            },
        }
    }
}

async fn observe_service(
    node: &ValidatedNode,
    service: &Service,
    context: &Context,
) -> Result<ObservedService, String> {
    let selector = Selector::component(&node.name, service.component);
    let nodes = [node.name.clone()];
    let (found, looked_at) = match find(&context.engines, &nodes, &selector).await {
        Search::Complete(found, looked_at) => (found, looked_at),
        Search::Unknown { reason, .. } => return Err(reason.unwrap_or_default()),
    };
    let key = (node.name.clone(), service.component);
    let (run, restarts) = context
        .services
        .with(&key, |c: &mut CachedService| (c.run.clone(), c.restarts));
    let mut image_present = None;
    if let Some((workload, target)) = &service.wanted
        && let Some(connection) = context.engines.connected(&node.name)
    {
        let hash = Some(&target.spec_hash);
        let fits = |f: &Found| f.container.labels.get(labels::SPEC_HASH) == hash;
        if !found.iter().any(fits) {
            let id = connection.engine.image_id(&workload.spec.image).await;
            image_present = Some(id.map_err(|e| chain(&e))?.is_some());
        }
    }
    let stopped = |f: &Found| run.stopped.as_deref() == Some(&f.container.run_id());
    let views = found.iter().map(|f| f.view(&run, &node.uid, stopped(f)));
    let for_plan = Observed {
        containers: Containers::Known(views.collect()),
        nodes: looked_at,
        bound: Some(node.name.clone()),
        image_present,
        key_approved: true,
        over_limit: false,
    };
    Ok(ObservedService {
        found,
        restarts,
        for_plan,
    })
}

/// Asks the chat server what it has; one that has nothing to run on, or is not up yet, is not asked.
async fn observe_chat(
    node: &ValidatedNode,
    services: &[ObservedService],
    context: &Context,
) -> Option<Result<ServerContents, Error>> {
    let chat = node.chat.as_ref()?;
    let access = chat.access.as_ref()?;
    let runs = |i: usize| {
        services
            .get(i)
            .is_some_and(|s| s.found.iter().any(Found::runs))
    };
    let here = node
        .services
        .iter()
        .position(|s| s.component == labels::CHAT_SERVER)?;
    if !chat.external && !runs(here) {
        return None;
    }
    Some(context.chat.observe(access).await)
}
