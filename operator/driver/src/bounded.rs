//! A deadline for each call of an engine, of the call's own kind.
//!
//! A call whose deadline has passed is dropped, which closes its connection; what the engine made of it is not
//! known, and is found out by looking again. A stream has a deadline for being opened, not for what it brings.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use agentchat_contract::{Delivery, State};
use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture, stream::BoxStream};
use tokio::time::timeout;

use crate::engine::{
    Container, ContainerEvent, ContainerSpec, Engine, EngineError, EngineInfo, Listed, Owned,
    Selector,
};

/// How long each kind of call may take. The defaults leave room for a busy machine: starts take seconds there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// Short questions and small changes: who the engine is, lists, images, networks, volumes. 15 s.
    pub probe: Duration,
    /// To look for containers and at each of them. 20 s.
    pub find: Duration,
    /// To create a container. 60 s.
    pub create: Duration,
    /// To start a container. 60 s.
    pub start: Duration,
    /// To stop a container, beyond the seconds that it is granted to end by itself. 30 s.
    pub stop: Duration,
    /// To remove a container. 60 s.
    pub remove: Duration,
    /// To hand over a delivery; how long it takes is up to a program of the image. 20 s.
    pub deliver: Duration,
    /// To unpack an archive into a container. 120 s.
    pub import: Duration,
    /// To open a stream: reports, logs, events. 20 s.
    pub open: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            probe: Duration::from_secs(15),
            find: Duration::from_secs(20),
            create: Duration::from_secs(60),
            start: Duration::from_secs(60),
            stop: Duration::from_secs(30),
            remove: Duration::from_secs(60),
            deliver: Duration::from_secs(20),
            import: Duration::from_secs(120),
            open: Duration::from_secs(20),
        }
    }
}

/// An engine none of whose calls takes longer than its deadline.
pub struct Bounded {
    engine: Arc<dyn Engine>,
    deadlines: Deadlines,
}

impl Bounded {
    /// Puts deadlines around an engine's calls.
    #[must_use]
    pub fn new(engine: Arc<dyn Engine>, deadlines: Deadlines) -> Self {
        Self { engine, deadlines }
    }
}

fn within<'a, T: Send + 'a>(
    deadline: Duration,
    action: &'static str,
    call: BoxFuture<'a, Result<T, EngineError>>,
) -> BoxFuture<'a, Result<T, EngineError>> {
    async move {
        timeout(deadline, call).await.unwrap_or_else(|_| {
            let seconds = deadline.as_secs_f64().ceil() as u64;
            Err(EngineError::TimedOut { action, seconds })
        })
    }
    .boxed()
}

impl Engine for Bounded {
    fn info(&self) -> BoxFuture<'_, Result<EngineInfo, EngineError>> {
        within(self.deadlines.probe, "say who it is", self.engine.info())
    }

    fn image_id<'a>(
        &'a self,
        image: &'a str,
    ) -> BoxFuture<'a, Result<Option<String>, EngineError>> {
        let call = self.engine.image_id(image);
        within(self.deadlines.probe, "look for an image", call)
    }

    fn ensure_network<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), EngineError>> {
        let call = self.engine.ensure_network(name);
        within(self.deadlines.probe, "create a network", call)
    }

    fn remove_network<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), EngineError>> {
        let call = self.engine.remove_network(name);
        within(self.deadlines.probe, "remove a network", call)
    }

    fn ensure_volume<'a>(
        &'a self,
        name: &'a str,
        labels: &'a BTreeMap<String, String>,
    ) -> BoxFuture<'a, Result<(), EngineError>> {
        let call = self.engine.ensure_volume(name, labels);
        within(self.deadlines.probe, "create a volume", call)
    }

    fn remove_volume<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), EngineError>> {
        let call = self.engine.remove_volume(name);
        within(self.deadlines.probe, "remove a volume", call)
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<Listed>, EngineError>> {
        within(self.deadlines.probe, "list containers", self.engine.list())
    }

    fn find<'a>(
        &'a self,
        selector: &'a Selector,
    ) -> BoxFuture<'a, Result<Vec<Container>, EngineError>> {
        let call = self.engine.find(selector);
        within(self.deadlines.find, "look for containers", call)
    }

    fn create<'a>(&'a self, spec: &'a ContainerSpec) -> BoxFuture<'a, Result<String, EngineError>> {
        let call = self.engine.create(spec);
        within(self.deadlines.create, "create a container", call)
    }

    fn import<'a>(
        &'a self,
        id: &'a str,
        path: &'a str,
        archive: Bytes,
    ) -> BoxFuture<'a, Result<(), EngineError>> {
        let call = self.engine.import(id, path, archive);
        within(self.deadlines.import, "import files", call)
    }

    fn start<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Container, EngineError>> {
        let call = self.engine.start(id);
        within(self.deadlines.start, "start a container", call)
    }

    fn stop<'a>(
        &'a self,
        id: &'a str,
        timeout_seconds: u32,
    ) -> BoxFuture<'a, Result<(), EngineError>> {
        let granted = Duration::from_secs(timeout_seconds.into());
        let call = self.engine.stop(id, timeout_seconds);
        within(granted + self.deadlines.stop, "stop a container", call)
    }

    fn remove<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), EngineError>> {
        let call = self.engine.remove(id);
        within(self.deadlines.remove, "remove a container", call)
    }

    fn deliver<'a>(
        &'a self,
        id: &'a str,
        receiver: &'a [&'static str],
        delivery: &'a Delivery,
    ) -> BoxFuture<'a, Result<(), EngineError>> {
        let call = self.engine.deliver(id, receiver, delivery);
        within(self.deadlines.deliver, "deliver configuration", call)
    }

    fn report<'a>(
        &'a self,
        id: &'a str,
    ) -> BoxFuture<'a, Result<BoxStream<'static, State>, EngineError>> {
        let call = self.engine.report(id);
        within(self.deadlines.open, "follow the report", call)
    }

    fn logs<'a>(
        &'a self,
        id: &'a str,
        follow: bool,
        tail: Option<u32>,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Result<Bytes, EngineError>>, EngineError>> {
        let call = self.engine.logs(id, follow, tail);
        within(self.deadlines.open, "read the logs", call)
    }

    fn events(&self) -> BoxFuture<'_, Result<BoxStream<'static, ContainerEvent>, EngineError>> {
        within(self.deadlines.open, "follow events", self.engine.events())
    }

    fn owned(&self) -> BoxFuture<'_, Result<Vec<Owned>, EngineError>> {
        let call = self.engine.owned();
        within(self.deadlines.probe, "list what the swarm has", call)
    }

    fn forget_identity(&self) -> BoxFuture<'_, Result<(), EngineError>> {
        let call = self.engine.forget_identity();
        within(self.deadlines.probe, "remove its identity", call)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::{AGENT_RECEIVER, FakeEngine};

    const SHORT: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(3600);

    fn delivery() -> Delivery {
        Delivery {
            generation: 1,
            files: vec![],
        }
    }

    fn bounded(deadlines: Deadlines) -> (Arc<FakeEngine>, Bounded) {
        let fake = Arc::new(FakeEngine::new("swarm", &["image"]));
        (fake.clone(), Bounded::new(fake, deadlines))
    }

    /// One short deadline.
    fn short(set: impl FnOnce(&mut Deadlines)) -> Deadlines {
        let mut deadlines = Deadlines {
            probe: LONG,
            find: LONG,
            create: LONG,
            start: LONG,
            stop: LONG,
            remove: LONG,
            deliver: LONG,
            import: LONG,
            open: LONG,
        };
        set(&mut deadlines);
        deadlines
    }

    #[tokio::test]
    async fn hanging_delivery_times_out_while_other_calls_are_answered() {
        let (fake, engine) = bounded(short(|d| d.deliver = SHORT));
        fake.hang(Some("deliver"));
        let delivery = delivery();
        let begin = Instant::now();
        let mut deliver = engine.deliver("id", AGENT_RECEIVER, &delivery);
        assert!((&mut deliver).now_or_never().is_none());
        engine.info().await.unwrap();
        let agent = Selector::agent("default", "ada");
        assert_eq!(engine.find(&agent).await.unwrap(), []);
        let error = deliver.await.unwrap_err();
        assert!(begin.elapsed() >= SHORT, "before its deadline");
        assert!(
            matches!(
                error,
                EngineError::TimedOut {
                    action: "deliver configuration",
                    seconds: 1
                }
            ),
            "{error:?}"
        );
    }

    /// Each call, and the deadline that it must keep.
    #[tokio::test]
    async fn call_that_hangs_times_out_by_the_deadline_of_its_kind() {
        macro_rules! hanging {
            ($deadline:ident: $name:ident $(, $argument:expr)*) => {{
                let (fake, engine) = bounded(short(|d| d.$deadline = SHORT));
                fake.hang(Some(stringify!($name)));
                let error = engine.$name($($argument),*).await.err();
                let timed_out = matches!(error, Some(EngineError::TimedOut { .. }));
                assert!(timed_out, "{}: {error:?}", stringify!($name));
            }};
        }
        hanging!(probe: info);
        hanging!(probe: image_id, "image");
        hanging!(probe: ensure_network, "name");
        hanging!(probe: remove_network, "name");
        hanging!(probe: ensure_volume, "name", &BTreeMap::new());
        hanging!(probe: remove_volume, "name");
        hanging!(probe: list);
        hanging!(find: find, &Selector::default());
        hanging!(create: create, &ContainerSpec::default());
        hanging!(import: import, "id", "/", Bytes::new());
        hanging!(start: start, "id");
        hanging!(stop: stop, "id", 0);
        hanging!(remove: remove, "id");
        hanging!(deliver: deliver, "id", AGENT_RECEIVER, &delivery());
        hanging!(open: report, "id");
        hanging!(open: logs, "id", true, None);
        hanging!(open: events);
        hanging!(probe: owned);
        hanging!(probe: forget_identity);
    }

    #[tokio::test]
    async fn stop_may_take_as_long_as_it_is_granted_beyond_its_deadline() {
        let (fake, engine) = bounded(short(|d| d.stop = SHORT));
        fake.hang(Some("stop"));
        let stopped = timeout(SHORT * 3, engine.stop("id", 3600)).await;
        assert!(stopped.is_err(), "{stopped:?}");
    }
}
