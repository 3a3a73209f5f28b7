//! Brings both loops up, feeds them, and waits for them to end.

use std::sync::Arc;

use agentchat_api::{Agent, Node};
use agentchat_driver::Engine;
use futures::{StreamExt, stream};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{
    Api, Client, ResourceExt,
    runtime::{Controller, controller, reflector::ObjectRef, watcher},
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, warn};

use crate::{
    agent,
    chat::ChatServers,
    context::{Context, Settings},
    error::chain,
    live::Live,
    node,
};

/// How many wake-ups may wait; a full queue delays the waker, nothing is dropped.
const WAKE_QUEUE: usize = 1024;

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
        chat: ChatServers::new(client.clone(), shutdown.clone()),
        client: client.clone(),
        engine,
        settings,
        live: Live::default(),
        wake,
        tasks: tasks.clone(),
        shutdown: shutdown.clone(),
    });
    tasks.spawn(follow_engine(context.clone()));
    let agents = agents(client.clone(), context.clone(), woken, shutdown.clone());
    let nodes = nodes(client, context.clone(), shutdown);
    futures::join!(agents, nodes);
    context.chat.shutdown().await;
    tasks.close();
    tasks.wait().await;
}

async fn agents(
    client: Client,
    context: Arc<Context>,
    woken: mpsc::Receiver<(String, String)>,
    shutdown: CancellationToken,
) {
    let any = watcher::Config::default;
    let controller = Controller::new(Api::<Agent>::all(client.clone()), any());
    let (by_node, by_secret, by_map) = (controller.store(), controller.store(), controller.store());
    let in_namespace = |store: &kube::runtime::reflector::Store<Agent>,
                        namespace: Option<String>| {
        let all = store.state();
        all.into_iter()
            .filter(|a| a.namespace() == namespace)
            .map(|a| ObjectRef::from_obj(&*a))
            .collect::<Vec<_>>()
    };
    controller
        .watches(Api::<Node>::all(client.clone()), any(), move |_| {
            by_node
                .state()
                .into_iter()
                .map(|a| ObjectRef::from_obj(&*a))
                .collect::<Vec<_>>()
        })
        .watches(Api::<Secret>::all(client.clone()), any(), move |secret| {
            in_namespace(&by_secret, secret.namespace())
        })
        .watches(Api::<ConfigMap>::all(client), any(), move |map| {
            in_namespace(&by_map, map.namespace())
        })
        .reconcile_on(
            ReceiverStream::new(woken)
                .map(|(namespace, name)| ObjectRef::new(&name).within(&namespace)),
        )
        .graceful_shutdown_on(shutdown.cancelled_owned())
        .run(
            agent::reconcile,
            |_, error, _| controller::Action::requeue(error.retry_after()),
            context,
        )
        .for_each(|outcome| async move { log("Agent", outcome) })
        .await;
}

async fn nodes(client: Client, context: Arc<Context>, shutdown: CancellationToken) {
    Controller::new(Api::<Node>::all(client), watcher::Config::default())
        .graceful_shutdown_on(shutdown.cancelled_owned())
        .run(
            node::reconcile,
            |_, error, _| controller::Action::requeue(error.retry_after()),
            context,
        )
        .for_each(|outcome| async move { log("Node", outcome) })
        .await;
}

fn log<K: kube::Resource>(
    kind: &str,
    outcome: Result<
        (ObjectRef<K>, controller::Action),
        controller::Error<crate::error::Error, watcher::Error>,
    >,
) where
    K::DynamicType: std::fmt::Debug,
{
    match outcome {
        Ok((object, _)) => debug!(kind, name = %object.name, "reconciled"),
        Err(controller::Error::ObjectNotFound(_)) => {}
        Err(error) => {
            warn!(kind, error = %chain(&error), "reconcile did not get through; it is tried again")
        }
    }
}

/// Turns engine events into wake-ups, and subscribes again when the connection ends.
async fn follow_engine(context: Arc<Context>) {
    let pause = std::time::Duration::from_secs(1);
    loop {
        let events = context.engine.events().await.unwrap_or_else(|error| {
            debug!(error = %chain(&error), "engine events are not to be had; looking again in a second");
            stream::empty().boxed()
        });
        let mut events =
            std::pin::pin!(events.take_until(context.shutdown.clone().cancelled_owned()));
        while let Some(event) = events.next().await {
            if context
                .wake
                .send((event.namespace, event.name))
                .await
                .is_err()
            {
                return;
            }
        }
        tokio::select! {
            () = context.shutdown.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}
