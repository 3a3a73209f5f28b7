//! Streams of objects from the API. An object that can't be read as what it says to be is reported and left out: it
//! stops no other.

use std::fmt::Debug;

use agentchat_api::{Agent, ConditionType, FINALIZER, Node, Reason, Statement, set_condition};
use futures::{Stream, StreamExt};
use k8s_openapi::{
    api::core::v1::{ConfigMap, Secret},
    jiff::Timestamp,
};
use kube::{
    Api, Client, Resource,
    api::ObjectMeta,
    core::DeserializeGuard,
    runtime::{WatchStreamExt, watcher},
};
use serde::de::DeserializeOwned;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use crate::{error::chain, event, status};

/// A kind whose objects are watched.
pub trait Watched:
    Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static
{
    /// An object of which only the metadata could be read. It is good enough to be removed.
    fn stub(metadata: ObjectMeta) -> Self;

    /// Says on the object itself, if the kind has a status, that it can't be read.
    fn report(
        client: &Client,
        metadata: &ObjectMeta,
        message: &str,
    ) -> impl Future<Output = ()> + Send {
        let _ = (client, metadata, message);
        std::future::ready(())
    }
}

/// Watches all objects of a kind.
pub fn watch<K: Watched>(
    client: &Client,
    tasks: &TaskTracker,
) -> impl Stream<Item = watcher::Result<watcher::Event<K>>> + Send + 'static {
    let (client, tasks) = (client.clone(), tasks.clone());
    let api = Api::<DeserializeGuard<K>>::all(client.clone());
    let events = watcher(api, watcher::Config::default()).default_backoff();
    events.filter_map(move |event| {
        let readable = |guard: DeserializeGuard<K>| readable(guard, &client, &tasks);
        let event = match event {
            Ok(watcher::Event::Apply(guard)) => readable(guard).map(watcher::Event::Apply).map(Ok),
            Ok(watcher::Event::InitApply(guard)) => {
                readable(guard).map(watcher::Event::InitApply).map(Ok)
            }
            Ok(watcher::Event::Delete(guard)) => Some(Ok(watcher::Event::Delete(
                guard.0.unwrap_or_else(|invalid| K::stub(invalid.metadata)),
            ))),
            Ok(watcher::Event::Init) => Some(Ok(watcher::Event::Init)),
            Ok(watcher::Event::InitDone) => Some(Ok(watcher::Event::InitDone)),
            Err(error) => Some(Err(error)),
        };
        std::future::ready(event)
    })
}

/// The object. One that can't be read is reported; when it is being deleted and waits for us, its stub stands for it.
fn readable<K: Watched>(
    guard: DeserializeGuard<K>,
    client: &Client,
    tasks: &TaskTracker,
) -> Option<K> {
    let invalid = match guard.0 {
        Ok(object) => return Some(object),
        Err(invalid) => invalid,
    };
    let metadata = invalid.metadata;
    if metadata.deletion_timestamp.is_some() {
        let ours = metadata.finalizers.iter().flatten();
        let waits = ours.into_iter().any(|finalizer| finalizer == FINALIZER);
        return waits.then(|| K::stub(metadata));
    }
    let name = metadata.name.clone().unwrap_or_default();
    let namespace = metadata.namespace.clone();
    warn!(kind = %K::kind(&()), ?namespace, name, error = invalid.error, "an object can't be read; it is left out");
    let (client, error) = (client.clone(), invalid.error);
    tasks.spawn(async move {
        let message = format!("the stored object can't be read, and stays as it is: {error}");
        K::report(&client, &metadata, &message).await;
        event::warn(&client, &K::stub(metadata), Reason::InvalidObject, &message).await;
    });
    None
}

impl Watched for Agent {
    fn stub(metadata: ObjectMeta) -> Self {
        let mut agent = Self::new("", Default::default());
        agent.metadata = metadata;
        agent
    }

    async fn report(client: &Client, metadata: &ObjectMeta, message: &str) {
        let namespace = metadata.namespace.clone().unwrap_or_default();
        report(
            &Api::<Self>::namespaced(client.clone(), &namespace),
            metadata,
            message,
        )
        .await;
    }
}

impl Watched for Node {
    fn stub(metadata: ObjectMeta) -> Self {
        let mut node = Self::new("", Default::default());
        node.metadata = metadata;
        node
    }

    async fn report(client: &Client, metadata: &ObjectMeta, message: &str) {
        report(&Api::<Self>::all(client.clone()), metadata, message).await;
    }
}

impl Watched for Secret {
    fn stub(metadata: ObjectMeta) -> Self {
        Self {
            metadata,
            ..Self::default()
        }
    }
}

impl Watched for ConfigMap {
    fn stub(metadata: ObjectMeta) -> Self {
        Self {
            metadata,
            ..Self::default()
        }
    }
}

/// Sets Ready to False. It is the only condition then: what the others say can't be read, and is of a manifest that
/// can't be read either.
async fn report<K: Watched>(api: &Api<K>, metadata: &ObjectMeta, message: &str) {
    let statement = Statement::no(Reason::InvalidObject, message);
    let mut conditions = vec![];
    let when = (metadata.generation, Timestamp::now());
    set_condition(&mut conditions, ConditionType::Ready, &statement, when);
    if let Err(error) = status::write_conditions(api, metadata, &conditions).await {
        debug!(error = %chain(&error), "the condition could not be written");
    }
}
