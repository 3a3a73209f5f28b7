//! An engine in memory, for tests of what stands above. Held to the same contract as Podman.

mod engine;

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use agentchat_contract::{Delivery, State};
use bytes::Bytes;
use futures::{
    FutureExt,
    future::{BoxFuture, pending, ready},
};
use jiff::Timestamp;
use tokio::sync::broadcast;

use crate::engine::{Container, ContainerEvent, ContainerPhase, ContainerSpec, EngineError};

/// Events that a slow reader may miss; they are hints only.
const EVENTS: usize = 64;

/// An engine in memory. Actions are named as the methods of [`Engine`](crate::Engine) are.
pub struct FakeEngine {
    id: String,
    swarm: String,
    inner: Mutex<Inner>,
    /// `None` ends the subscriptions.
    events: broadcast::Sender<Option<ContainerEvent>>,
    /// `None` ends the reports of a container.
    states: broadcast::Sender<(String, Option<State>)>,
}

#[derive(Default)]
struct Inner {
    unreachable: bool,
    mute: bool,
    refused: Option<String>,
    hanging: Option<String>,
    identified: bool,
    images: Vec<String>,
    networks: Vec<String>,
    volumes: Vec<String>,
    containers: Vec<Container>,
    deliveries: Vec<(String, Delivery)>,
    imports: Vec<(String, String, Bytes)>,
    states: BTreeMap<String, State>,
    specs: Vec<ContainerSpec>,
    calls: Vec<String>,
    made: u32,
    time: Timestamp,
}

impl FakeEngine {
    /// An engine that has these images. Its id is `fake`.
    #[must_use]
    pub fn new(swarm: &str, images: &[&str]) -> Self {
        Self::named("fake", swarm, images)
    }

    /// One of several engines: its id, and the images that it has.
    #[must_use]
    pub fn named(id: &str, swarm: &str, images: &[&str]) -> Self {
        let inner = Inner {
            images: images.iter().map(|image| (*image).to_owned()).collect(),
            ..Inner::default()
        };
        Self {
            id: id.to_owned(),
            swarm: swarm.to_owned(),
            inner: Mutex::new(inner),
            events: broadcast::channel(EVENTS).0,
            states: broadcast::channel(EVENTS).0,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the engine answer nothing, or answer again. What is followed ends, as a connection would.
    pub fn set_unreachable(&self, unreachable: bool) {
        let mut inner = self.lock();
        inner.unreachable = unreachable;
        if unreachable {
            drop(self.events.send(None));
            self.end_reports(&inner);
        }
    }

    /// Has supervisors report nothing more, or report again.
    pub fn set_mute(&self, mute: bool) {
        let mut inner = self.lock();
        inner.mute = mute;
        if mute {
            self.end_reports(&inner);
        }
    }

    fn end_reports(&self, inner: &Inner) {
        for container in &inner.containers {
            drop(self.states.send((container.id.clone(), None)));
        }
    }

    /// Refuses an action from now on. `None` refuses nothing.
    pub fn refuse(&self, action: Option<&str>) {
        self.lock().refused = action.map(str::to_owned);
    }

    /// Has calls of an action never be answered, from now on. `None` answers all.
    pub fn hang(&self, action: Option<&str>) {
        self.lock().hanging = action.map(str::to_owned);
    }

    /// Changes which images are there.
    pub fn set_images(&self, images: &[&str]) {
        self.lock().images = images.iter().map(|image| (*image).to_owned()).collect();
    }

    /// Ends a container's run from outside, with an exit code.
    pub fn end(&self, id: &str, exit_code: i64) {
        self.end_run(&mut self.lock(), id, exit_code);
    }

    fn end_run(&self, inner: &mut Inner, id: &str, exit_code: i64) {
        let time = inner.tick();
        inner.states.remove(id);
        if let Some(c) = inner.containers.iter_mut().find(|c| c.id == id) {
            c.phase = ContainerPhase::Exited;
            c.exit_code = Some(exit_code);
            c.finished_at = Some(time);
            self.tell(c, "die");
            drop(self.states.send((id.to_owned(), None)));
        }
    }

    /// Has a container's supervisor report a state, also to those who follow later.
    pub fn report_state(&self, id: &str, state: State) {
        let mut inner = self.lock();
        inner.states.insert(id.to_owned(), state.clone());
        // Nobody may follow yet.
        drop(self.states.send((id.to_owned(), Some(state))));
    }

    /// What was delivered so far: container's id and delivery.
    #[must_use]
    pub fn deliveries(&self) -> Vec<(String, Delivery)> {
        self.lock().deliveries.clone()
    }

    /// What was imported so far: container's id, path and archive.
    #[must_use]
    pub fn imports(&self) -> Vec<(String, String, Bytes)> {
        self.lock().imports.clone()
    }

    /// Whether the engine has an identity: it was asked who it is, and not made to forget it.
    #[must_use]
    pub fn has_identity(&self) -> bool {
        self.lock().identified
    }

    /// Every container that is there.
    #[must_use]
    pub fn containers(&self) -> Vec<Container> {
        self.lock().containers.clone()
    }

    /// Every container that was ever asked for.
    #[must_use]
    pub fn specs(&self) -> Vec<ContainerSpec> {
        self.lock().specs.clone()
    }

    /// Calls that would change a container, in order: `create NAME`, `import ID`, `start ID`, `stop ID`, `remove ID`,
    /// `deliver ID`.
    #[must_use]
    pub fn calls(&self) -> Vec<String> {
        self.lock().calls.clone()
    }

    /// Names of networks and volumes that are there.
    #[must_use]
    pub fn networks_and_volumes(&self) -> Vec<String> {
        let inner = self.lock();
        inner
            .networks
            .iter()
            .chain(&inner.volumes)
            .cloned()
            .collect()
    }

    /// Moves the end of a container's last run into the past, as if time had passed since.
    pub fn age(&self, id: &str, by: Duration) {
        let mut inner = self.lock();
        if let Ok(c) = inner.find(id) {
            for time in [&mut c.started_at, &mut c.finished_at] {
                let moved = time.as_ref().and_then(|t| t.parse::<Timestamp>().ok());
                *time = moved.map(|t| (t - by).to_string());
            }
        }
    }

    fn tell(&self, container: &Container, action: &str) {
        let event = ContainerEvent {
            labels: container.labels.clone(),
            action: action.to_owned(),
        };
        drop(self.events.send(Some(event)));
    }

    fn ask<'a, T: Send + 'a>(
        &self,
        action: &str,
        answer: impl FnOnce(&mut Inner) -> Result<T, EngineError>,
    ) -> BoxFuture<'a, Result<T, EngineError>> {
        self.call(action, None, answer)
    }

    /// As [`FakeEngine::ask`], for what would change a container.
    fn order<'a, T: Send + 'a>(
        &self,
        (action, what): (&str, &str),
        carry_out: impl FnOnce(&mut Inner) -> Result<T, EngineError>,
    ) -> BoxFuture<'a, Result<T, EngineError>> {
        self.call(action, Some(what), carry_out)
    }

    /// The answer to a call, unless there is to be none. It is carried out here, not when the answer is awaited.
    fn call<'a, T: Send + 'a>(
        &self,
        action: &str,
        what: Option<&str>,
        answer: impl FnOnce(&mut Inner) -> Result<T, EngineError>,
    ) -> BoxFuture<'a, Result<T, EngineError>> {
        let mut inner = self.lock();
        if let Some(what) = what
            && !inner.unreachable
        {
            inner.calls.push(format!("{action} {what}"));
        }
        if inner.hanging.as_deref() == Some(action) {
            return pending().boxed();
        }
        let result = if inner.unreachable {
            Err(EngineError::Unreachable {
                socket: self.id.clone(),
                reason: "told so".to_owned(),
            })
        } else if inner.refused.as_deref() == Some(action) {
            Err(refused(action, "told so"))
        } else {
            answer(&mut inner)
        };
        ready(result).boxed()
    }
}

fn refused(action: &str, message: &str) -> EngineError {
    EngineError::Refused {
        action: action.replace('_', " "),
        message: message.to_owned(),
    }
}

impl Inner {
    /// The time, never the same twice.
    fn tick(&mut self) -> String {
        self.time = Timestamp::now().max(self.time + Duration::from_micros(1));
        self.time.to_string()
    }

    fn find(&mut self, id: &str) -> Result<&mut Container, EngineError> {
        let found = self.containers.iter_mut().find(|c| c.id == id);
        found.ok_or_else(|| EngineError::ContainerNotFound(id.to_owned()))
    }
}
