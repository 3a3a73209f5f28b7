//! An engine in memory, for tests of what stands above. Held to the same contract as Podman.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use agentchat_contract::{Delivery, State};
use bytes::Bytes;
use futures::{
    FutureExt, StreamExt,
    future::{BoxFuture, ready},
    stream::{self, BoxStream},
};
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;

use crate::engine::{
    Container, ContainerEvent, ContainerPhase, ContainerSpec, Engine, EngineError, EngineInfo,
    labels,
};

/// Events that a slow reader may miss; they are hints only.
const EVENTS: usize = 64;

/// An engine in memory.
pub struct FakeEngine {
    swarm: String,
    inner: Mutex<Inner>,
    events: broadcast::Sender<ContainerEvent>,
    states: broadcast::Sender<(String, Option<State>)>,
}

#[derive(Default)]
struct Inner {
    unreachable: bool,
    images: Vec<String>,
    networks: Vec<String>,
    volumes: Vec<String>,
    containers: Vec<Container>,
    deliveries: Vec<(String, Delivery)>,
    clock: u32,
}

impl FakeEngine {
    /// An engine that has these images.
    #[must_use]
    pub fn new(swarm: &str, images: &[&str]) -> Self {
        let inner = Inner {
            images: images.iter().map(|image| (*image).to_owned()).collect(),
            ..Inner::default()
        };
        Self {
            swarm: swarm.to_owned(),
            inner: Mutex::new(inner),
            events: broadcast::channel(EVENTS).0,
            states: broadcast::channel(EVENTS).0,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the engine answer nothing, or answer again.
    pub fn set_unreachable(&self, unreachable: bool) {
        self.lock().unreachable = unreachable;
    }

    /// Ends a container's run from outside, with an exit code.
    pub fn end(&self, id: &str, exit_code: i64) {
        let mut inner = self.lock();
        let time = inner.tick();
        if let Some(c) = inner.containers.iter_mut().find(|c| c.id == id) {
            c.phase = ContainerPhase::Exited;
            c.exit_code = Some(exit_code);
            c.finished_at = Some(time);
            self.tell(c, "die");
            drop(self.states.send((id.to_owned(), None)));
        }
    }

    /// Has a container's supervisor report a state.
    pub fn report_state(&self, id: &str, state: State) {
        // Nobody may follow; then nobody hears.
        drop(self.states.send((id.to_owned(), Some(state))));
    }

    /// What was delivered so far: container's id and delivery.
    #[must_use]
    pub fn deliveries(&self) -> Vec<(String, Delivery)> {
        self.lock().deliveries.clone()
    }

    fn tell(&self, container: &Container, action: &str) {
        let label = |key| container.labels.get(key).cloned().unwrap_or_default();
        let event = ContainerEvent {
            namespace: label(labels::NAMESPACE),
            name: label(labels::NAME),
            action: action.to_owned(),
        };
        drop(self.events.send(event));
    }

    fn ask<T>(
        &self,
        answer: impl FnOnce(&mut Inner) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        let mut inner = self.lock();
        if inner.unreachable {
            return Err(EngineError::Unreachable {
                socket: "fake".to_owned(),
                reason: "told so".to_owned(),
            });
        }
        answer(&mut inner)
    }
}

impl Inner {
    /// The next second.
    fn tick(&mut self) -> String {
        self.clock += 1;
        format!(
            "2026-01-01T{:02}:{:02}:{:02}Z",
            self.clock / 3600,
            self.clock / 60 % 60,
            self.clock % 60
        )
    }

    fn find(&mut self, id: &str) -> Result<&mut Container, EngineError> {
        let found = self.containers.iter_mut().find(|c| c.id == id);
        found.ok_or_else(|| EngineError::ContainerNotFound(id.to_owned()))
    }
}

fn done<'a, T: Send + 'a>(result: Result<T, EngineError>) -> BoxFuture<'a, Result<T, EngineError>> {
    ready(result).boxed()
}

fn add(names: &mut Vec<String>, name: &str) {
    if !names.iter().any(|n| n == name) {
        names.push(name.to_owned());
    }
}

impl Engine for FakeEngine {
    fn info(&self) -> BoxFuture<'_, Result<EngineInfo, EngineError>> {
        done(self.ask(|_| {
            Ok(EngineInfo {
                id: "fake".into(),
                version: "0.0.0".into(),
                api_version: "1.41".into(),
                kernel: "none".into(),
                architecture: "none".into(),
                os: "memory".into(),
                cpus: 2,
                memory: 1 << 30,
            })
        }))
    }

    fn image_id<'a>(
        &'a self,
        image: &'a str,
    ) -> BoxFuture<'a, Result<Option<String>, EngineError>> {
        let id = |inner: &mut Inner| {
            inner
                .images
                .iter()
                .any(|i| i == image)
                .then(|| format!("sha256:{image}"))
        };
        done(self.ask(|inner| Ok(id(inner))))
    }

    fn ensure_network<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), EngineError>> {
        done(self.ask(|inner| {
            add(&mut inner.networks, name);
            Ok(())
        }))
    }

    fn remove_network<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), EngineError>> {
        done(self.ask(|inner| {
            inner.networks.retain(|n| n != name);
            Ok(())
        }))
    }

    fn ensure_volume<'a>(
        &'a self,
        name: &'a str,
        _labels: &'a BTreeMap<String, String>,
    ) -> BoxFuture<'a, Result<(), EngineError>> {
        done(self.ask(|inner| {
            add(&mut inner.volumes, name);
            Ok(())
        }))
    }

    fn remove_volume<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), EngineError>> {
        done(self.ask(|inner| {
            inner.volumes.retain(|n| n != name);
            Ok(())
        }))
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<Container>, EngineError>> {
        done(self.ask(|inner| Ok(inner.containers.clone())))
    }

    fn create<'a>(&'a self, spec: &'a ContainerSpec) -> BoxFuture<'a, Result<String, EngineError>> {
        done(self.ask(|inner| {
            if !inner.images.contains(&spec.image) {
                return Err(EngineError::ImageNotFound(spec.image.clone()));
            }
            if !inner.volumes.contains(&spec.home_volume) || !inner.networks.contains(&spec.network)
            {
                return Err(EngineError::Refused {
                    action: "create a container".into(),
                    message: "its volume or network does not exist".into(),
                });
            }
            if let Some(old) = inner.containers.iter().find(|c| c.name == spec.name) {
                let same = spec
                    .labels
                    .iter()
                    .all(|(k, v)| old.labels.get(k) == Some(v));
                return if same {
                    Ok(old.id.clone())
                } else {
                    Err(EngineError::NameTaken(spec.name.clone()))
                };
            }
            inner.clock += 1;
            let id = format!("{:064x}", inner.clock);
            let mut all = spec.labels.clone();
            all.insert(labels::SWARM.to_owned(), self.swarm.clone());
            inner.containers.push(Container {
                id: id.clone(),
                name: spec.name.clone(),
                image: spec.image.clone(),
                image_id: format!("sha256:{}", spec.image),
                labels: all,
                phase: ContainerPhase::Created,
                exit_code: None,
                oom_killed: false,
                started_at: None,
                finished_at: None,
            });
            Ok(id)
        }))
    }

    fn start<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), EngineError>> {
        done(self.ask(|inner| {
            let time = inner.tick();
            let c = inner.find(id)?;
            if c.phase != ContainerPhase::Running {
                (c.phase, c.exit_code, c.started_at, c.finished_at) =
                    (ContainerPhase::Running, None, Some(time), None);
                self.tell(c, "start");
            }
            Ok(())
        }))
    }

    fn stop<'a>(
        &'a self,
        id: &'a str,
        _timeout_seconds: u32,
    ) -> BoxFuture<'a, Result<(), EngineError>> {
        let running = self.ask(|inner| {
            Ok(inner
                .containers
                .iter()
                .any(|c| c.id == id && c.phase == ContainerPhase::Running))
        });
        done(running.map(|running| {
            if running {
                self.end(id, 0);
            }
        }))
    }

    fn remove<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), EngineError>> {
        done(self.ask(|inner| {
            inner.containers.retain(|c| c.id != id);
            Ok(())
        }))
    }

    fn deliver<'a>(
        &'a self,
        id: &'a str,
        delivery: &'a Delivery,
    ) -> BoxFuture<'a, Result<(), EngineError>> {
        done(self.ask(|inner| {
            if inner.find(id)?.phase != ContainerPhase::Running {
                return Err(EngineError::Refused {
                    action: "deliver configuration".into(),
                    message: "the container does not run".into(),
                });
            }
            inner.deliveries.push((id.to_owned(), delivery.clone()));
            Ok(())
        }))
    }

    fn report<'a>(
        &'a self,
        id: &'a str,
    ) -> BoxFuture<'a, Result<BoxStream<'static, State>, EngineError>> {
        let (follow, own) = (self.states.subscribe(), id.to_owned());
        let first = self.ask(|inner| inner.find(id).map(|_| State::default()));
        done(first.map(|first| {
            let later = BroadcastStream::new(follow)
                .filter_map(move |item| ready(item.ok().filter(|(id, _)| *id == own)))
                .take_while(|(_, state)| ready(state.is_some()))
                .filter_map(|(_, state)| ready(state));
            stream::once(ready(first)).chain(later).boxed()
        }))
    }

    fn logs<'a>(
        &'a self,
        id: &'a str,
        _follow: bool,
        _tail: Option<u32>,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Result<Bytes, EngineError>>, EngineError>> {
        done(self.ask(|inner| inner.find(id).map(|_| stream::empty().boxed())))
    }

    fn events(&self) -> BoxFuture<'_, Result<BoxStream<'static, ContainerEvent>, EngineError>> {
        let events = BroadcastStream::new(self.events.subscribe());
        done(self.ask(|_| Ok(events.filter_map(|event| ready(event.ok())).boxed())))
    }
}
