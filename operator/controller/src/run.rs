//! Brings both loops up, feeds them, and waits for them to end.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use agentchat_api::{Agent, Node};
use agentchat_driver::Engine;
use futures::StreamExt;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{
    Api, Client, ResourceExt,
    core::PartialObjectMeta,
    runtime::{controller, reflector::ObjectRef, watcher},
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, warn};

use crate::{
    agent,
    chat::ChatServers,
    context::{Context, Settings},
    error::{Error, chain},
    live::{Key, Live},
    node, triggers,
};

/// How many wake-ups may wait. A full queue delays those who wake, and nothing is dropped; reconciles never
/// wait for it, so that it empties.
const WAKE_QUEUE: usize = 1024;
/// Between two subscriptions to the engine's events.
const SUBSCRIBE: Duration = Duration::from_secs(1);

/// Runs the Node and Agent controllers until `shutdown`, then waits for what is under way. Agents go on.
pub async fn run(
    client: Client,
    engine: Arc<dyn Engine>,
    settings: Settings,
    shutdown: CancellationToken,
) {
    let (wake, woken) = mpsc::channel(WAKE_QUEUE);
    let tasks = TaskTracker::new();
    let context = Arc::new(Context {
        chat: ChatServers::new(client.clone(), tasks.clone(), shutdown.clone()),
        client,
        engine,
        settings,
        live: Live::default(),
        wake,
        agents: OnceLock::new(),
        tasks: tasks.clone(),
        shutdown,
    });
    let agents = agents(context.clone(), woken);
    let nodes = nodes(context.clone());
    let (following, shutdown) = (follow_engine(context.clone()), context.shutdown.clone());
    tasks.spawn(async move { shutdown.run_until_cancelled_owned(following).await });
    futures::join!(agents, nodes);
    context.chat.shutdown().await;
    tasks.close();
    tasks.wait().await;
}

fn agents(context: Arc<Context>, woken: mpsc::Receiver<Key>) -> impl Future<Output = ()> + Send {
    let client = &context.client;
    let (controller, known) = triggers::controller(Api::<Agent>::all(client.clone()));
    // Set here only.
    drop(context.agents.set(known.clone()));
    let (by_node, by_secret, by_map) = (known.clone(), known.clone(), known);
    let woken = ReceiverStream::new(woken);
    controller
        .watches_stream(triggers::nodes(Api::all(client.clone())), move |_| {
            triggers::all(&by_node)
        })
        .watches(
            Api::<PartialObjectMeta<Secret>>::all(client.clone()),
            watcher::Config::default(),
            move |secret| {
                let (namespace, name) = (secret.namespace(), secret.name_any());
                triggers::by_secret(&by_secret, namespace.as_deref(), &name)
            },
        )
        .watches(
            Api::<PartialObjectMeta<ConfigMap>>::all(client.clone()),
            watcher::Config::default(),
            move |map| {
                let (namespace, name) = (map.namespace(), map.name_any());
                triggers::by_config_map(&by_map, namespace.as_deref(), &name)
            },
        )
        .reconcile_on(woken.map(|(namespace, name)| ObjectRef::new(&name).within(&namespace)))
        .graceful_shutdown_on(context.shutdown.clone().cancelled_owned())
        .run(
            agent::reconcile,
            |agent, error, context| agent::retry(&agent, error, &context),
            context,
        )
        .for_each(|outcome| async move { log("Agent", outcome) })
}

fn nodes(context: Arc<Context>) -> impl Future<Output = ()> + Send {
    let (controller, _) = triggers::controller(Api::<Node>::all(context.client.clone()));
    controller
        .graceful_shutdown_on(context.shutdown.clone().cancelled_owned())
        .run(
            node::reconcile,
            |_, error, _| controller::Action::requeue(error.retry_after()),
            context,
        )
        .for_each(|outcome| async move { log("Node", outcome) })
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
            warn!(kind, error = %chain(&error), "reconcile did not get through; it is tried again")
        }
    }
}

/// Turns engine events into wake-ups. What happened before a subscription nobody hears of: all agents are
/// looked at once it stands.
async fn follow_engine(context: Arc<Context>) {
    loop {
        match context.engine.events().await {
            Ok(mut events) => {
                wake_all(&context).await;
                while let Some(event) = events.next().await {
                    // Deliveries and reports are commands in containers; nothing follows from them.
                    if event.action.starts_with("exec") {
                        continue;
                    }
                    wake(&context, (event.namespace, event.name)).await;
                }
            }
            Err(error) => {
                debug!(error = %chain(&error), "engine events are not to be had; looking again in a second");
            }
        }
        tokio::time::sleep(SUBSCRIBE).await;
    }
}

async fn wake_all(context: &Context) {
    let known = context.agents.get();
    for agent in known.map(|known| known.state()).unwrap_or_default() {
        wake(
            context,
            (agent.namespace().unwrap_or_default(), agent.name_any()),
        )
        .await;
    }
}

async fn wake(context: &Context, key: Key) {
    if context.wake.send(key).await.is_err() {
        debug!("the controller ends; nobody to wake");
    }
}
