//! One task for each engine, however many Nodes lead to it: it turns the engine's events into wake-ups, and looks
//! for containers that nobody wants.

use std::{sync::Arc, time::Duration};

use agentchat_driver::{ContainerEvent, labels};
use futures::StreamExt;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::{Connection, strays};
use crate::{context::Context, error::chain};

/// Between two subscriptions to an engine's events.
const SUBSCRIBE: Duration = Duration::from_secs(1);
/// Between two looks for containers that nobody wants.
const SWEEP: Duration = Duration::from_secs(15);

/// Starts the task of an engine unless there is one.
pub fn ensure(context: &Arc<Context>, connection: &Connection) {
    let tasks = &context.engine_tasks;
    if let Some(token) = tasks.begin(&context.engines, connection, &context.shutdown) {
        let watching = watch(context.clone(), connection.clone(), token);
        context.tasks.spawn(watching);
    }
}

async fn watch(context: Arc<Context>, connection: Connection, token: CancellationToken) {
    let events = follow_events(&context, &connection);
    let sweeps = async {
        loop {
            tokio::time::sleep(SWEEP).await;
            sweep(&context, &connection).await;
        }
    };
    token
        .run_until_cancelled(async { futures::join!(events, sweeps) })
        .await;
}

/// Turns events into wake-ups. What happened before a subscription stands nobody is told: everything on the engine
/// is looked at once it does.
async fn follow_events(context: &Context, connection: &Connection) {
    loop {
        match connection.engine.events().await {
            Ok(mut events) => {
                for node in context.engines.nodes_of(&connection.info.id) {
                    context.wake_node_and_its_agents(&node).await;
                }
                // An engine that was away may have what is elsewhere by now.
                sweep(context, connection).await;
                while let Some(event) = events.next().await {
                    wake(context, &event).await;
                }
            }
            Err(error) => {
                debug!(error = %chain(&error), "no engine events; subscribing again in a second");
            }
        }
        tokio::time::sleep(SUBSCRIBE).await;
    }
}

async fn sweep(context: &Context, connection: &Connection) {
    if let Err(error) = strays::remove(context, connection).await {
        debug!(error = %chain(&error), "looking for stray containers failed; it is done again");
    }
}

async fn wake(context: &Context, event: &ContainerEvent) {
    // Deliveries and reports are commands in containers; nothing follows from them.
    if event.action.starts_with("exec") {
        return;
    }
    let label = |key| event.labels.get(key).cloned();
    if label(labels::COMPONENT).is_some() {
        if let Some(node) = label(labels::NODE) {
            context.wake_node(&node).await;
        }
    } else if let (Some(namespace), Some(name)) = (label(labels::NAMESPACE), label(labels::NAME)) {
        context.wake_agent((namespace, name)).await;
    }
}
