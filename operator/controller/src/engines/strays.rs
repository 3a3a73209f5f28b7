//! Containers that nobody wants: their object is gone, for example because its finalizer was taken away by hand, or
//! it is on another engine by now, for example because this one was given up and came back.
//!
//! An Agent exists before its container and, by its finalizer, longer; and its status names the Node before anything
//! is created there. So a container that was listed before its Agent was looked at, and which that Agent does not
//! account for, is a stray. Its volume is kept.

use agentchat_api::{Agent, Node};
use agentchat_driver::{Listed, labels};
use kube::Api;
use tracing::warn;

use super::{Connection, EngineState};
use crate::{context::Context, error::Error};

/// Seconds that a stray is given to end.
const GRACE: u32 = 30;

/// Removes the strays of one engine.
pub async fn remove(context: &Context, connection: &Connection) -> Result<(), Error> {
    for container in connection.engine.list().await? {
        let Some(why) = is_stray(context, connection, &container).await? else {
            continue;
        };
        let label = |key| container.labels.get(key).map_or("", String::as_str);
        warn!(
            id = container.id,
            namespace = label(labels::NAMESPACE),
            name = label(labels::NAME),
            node = label(labels::NODE),
            "a container is removed: {why}"
        );
        connection.engine.stop(&container.id, GRACE).await?;
        connection.engine.remove(&container.id).await?;
    }
    Ok(())
}

/// Why nobody wants a container; `None` when somebody does, or when that is not known.
async fn is_stray(
    context: &Context,
    here: &Connection,
    container: &Listed,
) -> Result<Option<&'static str>, Error> {
    let label = |key| container.labels.get(key).map(String::as_str);
    if label(labels::COMPONENT).is_some() {
        let Some(node) = label(labels::NODE) else {
            return Ok(None);
        };
        let api = Api::<Node>::all(context.client.clone());
        let gone = api.get_metadata_opt(node).await?.is_none();
        return Ok(gone.then_some("its Node is gone"));
    }
    let (Some(namespace), Some(name)) = (label(labels::NAMESPACE), label(labels::NAME)) else {
        return Ok(None);
    };
    // What the watch knows is good enough to say that all is well; what is stored decides.
    let known = context.stores.agent(namespace, name);
    if known.is_some_and(|agent| !is_elsewhere(context, here, &agent)) {
        return Ok(None);
    }
    let api = Api::<Agent>::namespaced(context.client.clone(), namespace);
    if api.get_metadata_opt(name).await?.is_none() {
        return Ok(Some("its Agent is gone"));
    }
    let stored = api.get(name).await?;
    Ok(is_elsewhere(context, here, &stored).then_some("its Agent is on another engine"))
}

/// Whether an Agent is known to be on another engine than this one.
fn is_elsewhere(context: &Context, here: &Connection, agent: &Agent) -> bool {
    let status = agent.status.as_ref();
    let Some(bound) = status.and_then(|status| status.node_name.as_deref()) else {
        return false;
    };
    // While it is deleted, or moves away, its own reconcile looks after what is left.
    let moves = agent
        .spec
        .placement
        .node_name
        .as_deref()
        .is_some_and(|to| to != bound);
    if moves || agent.metadata.deletion_timestamp.is_some() {
        return false;
    }
    match context.engines.state(bound) {
        EngineState::Connected(there) => there.info.id != here.info.id,
        // It may be that very engine.
        EngineState::Connecting | EngineState::Unreachable { .. } => false,
    }
}
