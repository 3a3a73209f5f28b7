//! An engine in memory, for tests of what stands above. Held to the same contract as Podman.

mod engine;

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use agentchat_contract::{Delivery, State};
use jiff::Timestamp;
use tokio::sync::broadcast;

use crate::engine::{
    Container, ContainerEvent, ContainerPhase, ContainerSpec, EngineError, labels,
};

/// Events that a slow reader may miss; they are hints only.
const EVENTS: usize = 64;

/// An engine in memory.
pub struct FakeEngine {
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
    images: Vec<String>,
    networks: Vec<String>,
    volumes: Vec<String>,
    containers: Vec<Container>,
    deliveries: Vec<(String, Delivery)>,
    states: BTreeMap<String, State>,
    specs: Vec<ContainerSpec>,
    calls: Vec<String>,
    made: u32,
    time: Timestamp,
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

    /// Refuses an action from now on: the first word of one in [`FakeEngine::calls`]. `None` refuses nothing.
    pub fn refuse(&self, action: Option<&str>) {
        self.lock().refused = action.map(str::to_owned);
    }

    /// Changes which images are there.
    pub fn set_images(&self, images: &[&str]) {
        self.lock().images = images.iter().map(|image| (*image).to_owned()).collect();
    }

    /// Ends a container's run from outside, with an exit code.
    pub fn end(&self, id: &str, exit_code: i64) {
        let mut inner = self.lock();
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

    /// Calls that would change something, in order: `create NAME`, `start ID`, `stop ID`, `remove ID`, `deliver ID`.
    #[must_use]
    pub fn calls(&self) -> Vec<String> {
        self.lock().calls.clone()
    }

    /// Names of networks and volumes that are there.
    #[must_use]
    pub fn surroundings(&self) -> Vec<String> {
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
        let label = |key| container.labels.get(key).cloned().unwrap_or_default();
        let event = ContainerEvent {
            namespace: label(labels::NAMESPACE),
            name: label(labels::NAME),
            action: action.to_owned(),
        };
        drop(self.events.send(Some(event)));
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

    /// As [`FakeEngine::ask`], for what would change something.
    fn order<T>(
        &self,
        (action, what): (&str, &str),
        carry_out: impl FnOnce(&mut Inner) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        self.ask(|inner| {
            inner.calls.push(format!("{action} {what}"));
            if inner.refused.as_deref() == Some(action) {
                return Err(EngineError::Refused {
                    action: format!("{action} a container"),
                    message: "told so".to_owned(),
                });
            }
            carry_out(inner)
        })
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
