//! Brings both loops up, feeds them, and waits for them to end.

use std::sync::Arc;

use agentchat_api::{Agent, Node};
use futures::{FutureExt, Stream, StreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{
    Client, ResourceExt,
    runtime::{
        Controller, WatchStreamExt, controller,
        reflector::{ObjectRef, store},
        watcher,
    },
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, warn};

use crate::{
    agent,
    cache::{AgentCache, Key, NodeStatusCache, ServiceCache},
    chat::ChatServers,
    context::{Context, Settings, Stores},
    engines::{Engines, Machines, tasks::EngineTasks},
    error::{Error, chain},
    node, triggers,
    watch::watch,
};

/// How many wake-ups may wait. A full queue delays those who wake, and nothing is dropped; controllers empty it
/// whatever their reconciles do.
const WAKE_QUEUE: usize = 1024;
/// Agents that are reconciled at a time.
const AGENTS_AT_A_TIME: u16 = 32;
/// Nodes that are reconciled at a time.
const NODES_AT_A_TIME: u16 = 16;

/// Runs the Node and Agent controllers until `shutdown`, then waits for what is under way. Agents go on.
///
/// `engines` is filled while they run; others may ask it too.
pub async fn run(
    client: Client,
    machines: Arc<dyn Machines>,
    engines: Engines,
    settings: Settings,
    shutdown: CancellationToken,
) {
    let tasks = TaskTracker::new();
    let (agents_to_wake, woken_agents) = mpsc::channel(WAKE_QUEUE);
    let (nodes_to_wake, woken_nodes) = mpsc::channel(WAKE_QUEUE);
    let (agents, agents_writer) = store::<Agent>();
    let (nodes, nodes_writer) = store::<Node>();
    let (secrets, secrets_writer) = store::<Secret>();
    let (config_maps, config_maps_writer) = store::<ConfigMap>();
    let watched = Watched {
        agents: watch::<Agent>(&client, &tasks).reflect(agents_writer),
        nodes: watch::<Node>(&client, &tasks).reflect(nodes_writer),
        secrets: watch::<Secret>(&client, &tasks)
            .reflect(secrets_writer)
            .touched_objects(),
        config_maps: watch::<ConfigMap>(&client, &tasks)
            .reflect(config_maps_writer)
            .touched_objects(),
        published: triggers::published_changes(watch::<Node>(&client, &tasks)),
        woken_agents,
        woken_nodes,
    };
    let context = Arc::new(Context {
        chat: ChatServers::new(client.clone(), tasks.clone(), shutdown.clone()),
        client,
        stores: Stores {
            agents,
            nodes,
            secrets,
            config_maps,
        },
        machines,
        engines,
        engine_tasks: EngineTasks::default(),
        settings,
        agents: AgentCache::default(),
        services: ServiceCache::default(),
        node_statuses: NodeStatusCache::default(),
        agents_to_wake,
        nodes_to_wake,
        tasks: tasks.clone(),
        shutdown,
    });
    control(&context, watched).await;
    context.chat.shutdown().await;
    tasks.close();
    tasks.wait().await;
}

/// What the controllers are fed with.
struct Watched<A, N, S, M, P> {
    agents: A,
    nodes: N,
    secrets: S,
    config_maps: M,
    published: P,
    woken_agents: mpsc::Receiver<Key>,
    woken_nodes: mpsc::Receiver<String>,
}

async fn control<A, N, S, M, P>(context: &Arc<Context>, watched: Watched<A, N, S, M, P>)
where
    A: Stream<Item = watcher::Result<watcher::Event<Agent>>> + Send + 'static,
    N: Stream<Item = watcher::Result<watcher::Event<Node>>> + Send + 'static,
    S: Stream<Item = watcher::Result<Secret>> + Send + 'static,
    M: Stream<Item = watcher::Result<ConfigMap>> + Send + 'static,
    P: Stream<Item = watcher::Result<Node>> + Send + 'static,
{
    let known = &context.stores.agents;
    let (by_node, by_secret, by_map) = (known.clone(), known.clone(), known.clone());
    let woken = ReceiverStream::new(watched.woken_agents);
    let agents = Controller::for_stream(triggers::declared_changes(watched.agents), known.clone())
        .with_config(controller::Config::default().concurrency(AGENTS_AT_A_TIME))
        .watches_stream(watched.published, move |node| {
            triggers::by_node(&by_node, &node)
        })
        .watches_stream(watched.secrets, move |secret| {
            let (namespace, name) = (secret.namespace(), secret.name_any());
            triggers::by_secret(&by_secret, namespace.as_deref(), &name)
        })
        .watches_stream(watched.config_maps, move |map| {
            let (namespace, name) = (map.namespace(), map.name_any());
            triggers::by_config_map(&by_map, namespace.as_deref(), &name)
        })
        .reconcile_on(woken.map(|(namespace, name)| ObjectRef::new(&name).within(&namespace)))
        .graceful_shutdown_on(context.shutdown.clone().cancelled_owned())
        .run(
            agent::reconcile,
            |agent, error, context| agent::after_error(&agent, error, &context),
            context.clone(),
        )
        .for_each(|outcome| async move { log("Agent", outcome) });
    let woken = ReceiverStream::new(watched.woken_nodes);
    let nodes = context.stores.nodes.clone();
    let nodes = Controller::for_stream(triggers::declared_changes(watched.nodes), nodes)
        .with_config(controller::Config::default().concurrency(NODES_AT_A_TIME))
        .reconcile_on(woken.map(|name| ObjectRef::new(&name)))
        .graceful_shutdown_on(context.shutdown.clone().cancelled_owned())
        .run(
            node::reconcile,
            |_, error, _| node::after_error(error),
            context.clone(),
        )
        .for_each(|outcome| async move { log("Node", outcome) });
    // A controller that is stopped before its watch has given what there is does not end by itself; no reconcile has
    // got past waiting for the watches then.
    let stopped_before_it_began = async {
        context.shutdown.cancelled().await;
        match context.stores.wait_until_ready().now_or_never() {
            Some(_) => std::future::pending().await,
            None => debug!("stopped before the watches had given what there is"),
        }
    };
    tokio::select! {
        _ = async { futures::join!(agents, nodes) } => {}
        () = stopped_before_it_began => {}
    }
}

fn log<K: kube::Resource>(
    kind: &str,
    outcome: Result<(ObjectRef<K>, controller::Action), controller::Error<Error, watcher::Error>>,
) where
    K::DynamicType: std::fmt::Debug,
{
    match outcome {
        Ok((object, _)) => debug!(kind, name = %object.name, "reconciled"),
        Err(controller::Error::ObjectNotFound(_)) => {}
        Err(controller::Error::ReconcilerFailed(Error::Stopping, object)) => {
            debug!(kind, name = %object.name, "left for the next start");
        }
        Err(controller::Error::ReconcilerFailed(Error::InUse(users), object)) => {
            debug!(kind, name = %object.name, users, "waits to be deleted");
        }
        Err(error) => {
            warn!(kind, error = %chain(&error), "a reconcile failed");
        }
    }
}
