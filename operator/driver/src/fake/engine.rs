//! The calls themselves.

use std::collections::BTreeMap;

use agentchat_contract::{Delivery, State};
use bytes::Bytes;
use futures::{
    FutureExt, StreamExt,
    future::{BoxFuture, ready},
    stream::{self, BoxStream},
};
use tokio_stream::wrappers::BroadcastStream;

use super::{FakeEngine, Inner, refused};
use crate::engine::{
    Container, ContainerEvent, ContainerPhase, ContainerSpec, Engine, EngineError, EngineInfo,
    Listed, Owned, Selector, labels,
};

fn add(names: &mut Vec<String>, name: &str) {
    if !names.iter().any(|n| n == name) {
        names.push(name.to_owned());
    }
}

impl Inner {
    fn create(&mut self, spec: &ContainerSpec, swarm: &str) -> Result<String, EngineError> {
        if !self.images.contains(&spec.image) {
            return Err(EngineError::ImageNotFound(spec.image.clone()));
        }
        let has_volume = |v| self.volumes.contains(v);
        if !spec.volume.iter().all(|v| has_volume(&v.name))
            || !self.networks.contains(&spec.network)
        {
            let message = "its volume or network does not exist";
            return Err(refused("create a container", message));
        }
        if let Some(old) = self.containers.iter().find(|c| c.name == spec.name) {
            let mut labels = spec.labels.iter();
            return if labels.all(|(k, v)| old.labels.get(k) == Some(v)) {
                Ok(old.id.clone())
            } else {
                Err(EngineError::NameTaken(spec.name.clone()))
            };
        }
        self.made += 1;
        let id = format!("{:064x}", self.made);
        self.specs.push(spec.clone());
        let mut all = spec.labels.clone();
        all.insert(labels::SWARM.to_owned(), swarm.to_owned());
        self.containers.push(Container {
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
    }

    fn owned(&self) -> Vec<Owned> {
        let owned = |kind| {
            move |name: &String| Owned {
                kind,
                name: name.clone(),
            }
        };
        let containers = self.containers.iter().map(|c| &c.name);
        let containers = containers.map(owned("container"));
        let networks = self.networks.iter().map(owned("network"));
        let volumes = self.volumes.iter().map(owned("volume"));
        let mut all: Vec<_> = containers.chain(networks).chain(volumes).collect();
        all.sort();
        all
    }
}

impl Engine for FakeEngine {
    fn info(&self) -> BoxFuture<'_, Result<EngineInfo, EngineError>> {
        self.ask("info", |inner| {
            inner.identified = true;
            Ok(EngineInfo {
                id: self.id.clone(),
                version: "0.0.0".into(),
                api_version: "1.41".into(),
                kernel: "none".into(),
                architecture: "none".into(),
                os: "memory".into(),
                cpus: 2,
                memory: 1 << 30,
            })
        })
    }

    fn image_id<'a>(
        &'a self,
        image: &'a str,
    ) -> BoxFuture<'a, Result<Option<String>, EngineError>> {
        self.ask("image_id", |inner| {
            let found = inner.images.iter().any(|i| i == image);
            Ok(found.then(|| format!("sha256:{image}")))
        })
    }

    fn ensure_network<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), EngineError>> {
        self.ask("ensure_network", |inner| {
            add(&mut inner.networks, name);
            Ok(())
        })
    }

    fn remove_network<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), EngineError>> {
        self.ask("remove_network", |inner| {
            inner.networks.retain(|n| n != name);
            Ok(())
        })
    }

    fn ensure_volume<'a>(
        &'a self,
        name: &'a str,
        _labels: &'a BTreeMap<String, String>,
    ) -> BoxFuture<'a, Result<(), EngineError>> {
        self.ask("ensure_volume", |inner| {
            add(&mut inner.volumes, name);
            Ok(())
        })
    }

    fn remove_volume<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), EngineError>> {
        self.ask("remove_volume", |inner| {
            inner.volumes.retain(|n| n != name);
            Ok(())
        })
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<Listed>, EngineError>> {
        let listed = |c: &Container| Listed {
            id: c.id.clone(),
            labels: c.labels.clone(),
            running: c.phase == ContainerPhase::Running,
        };
        self.ask("list", |inner| {
            Ok(inner.containers.iter().map(listed).collect())
        })
    }

    fn find<'a>(
        &'a self,
        selector: &'a Selector,
    ) -> BoxFuture<'a, Result<Vec<Container>, EngineError>> {
        self.ask("find", |inner| {
            let found = inner.containers.iter();
            let found = found.filter(|c| selector.matches(&c.labels));
            Ok(found.cloned().collect())
        })
    }

    fn create<'a>(&'a self, spec: &'a ContainerSpec) -> BoxFuture<'a, Result<String, EngineError>> {
        self.order(("create", &spec.name), |inner| {
            inner.create(spec, &self.swarm)
        })
    }

    fn import<'a>(
        &'a self,
        id: &'a str,
        path: &'a str,
        archive: Bytes,
    ) -> BoxFuture<'a, Result<(), EngineError>> {
        self.order(("import", id), |inner| {
            if inner.find(id)?.phase != ContainerPhase::Created {
                let message = "the container was started already";
                return Err(refused("import files", message));
            }
            if !path.starts_with('/') {
                return Err(refused("import files", "its path is not absolute"));
            }
            let import = (id.to_owned(), path.to_owned(), archive);
            inner.imports.push(import);
            Ok(())
        })
    }

    fn start<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Container, EngineError>> {
        self.order(("start", id), |inner| {
            let time = inner.tick();
            let c = inner.find(id)?;
            if c.phase != ContainerPhase::Running {
                (c.phase, c.exit_code, c.started_at, c.finished_at) =
                    (ContainerPhase::Running, None, Some(time), None);
                self.tell(c, "start");
            }
            Ok(c.clone())
        })
    }

    fn stop<'a>(
        &'a self,
        id: &'a str,
        _timeout_seconds: u32,
    ) -> BoxFuture<'a, Result<(), EngineError>> {
        self.order(("stop", id), |inner| {
            let found = inner.find(id);
            if found.is_ok_and(|c| c.phase == ContainerPhase::Running) {
                self.end_run(inner, id, 0);
            }
            Ok(())
        })
    }

    fn remove<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), EngineError>> {
        self.order(("remove", id), |inner| {
            inner.containers.retain(|c| c.id != id);
            Ok(())
        })
    }

    fn deliver<'a>(
        &'a self,
        id: &'a str,
        _receiver: &'a [&'static str],
        delivery: &'a Delivery,
    ) -> BoxFuture<'a, Result<(), EngineError>> {
        self.order(("deliver", id), |inner| {
            if inner.find(id)?.phase != ContainerPhase::Running {
                let message = "the container does not run";
                return Err(refused("deliver configuration", message));
            }
            inner.deliveries.push((id.to_owned(), delivery.clone()));
            Ok(())
        })
    }

    fn report<'a>(
        &'a self,
        id: &'a str,
    ) -> BoxFuture<'a, Result<BoxStream<'static, State>, EngineError>> {
        let (follow, own) = (self.states.subscribe(), id.to_owned());
        let first = self.ask("report", |inner| {
            let runs = inner.find(id)?.phase == ContainerPhase::Running;
            if runs && !inner.mute {
                Ok(inner.states.get(id).cloned().unwrap_or_default())
            } else {
                let message = "the supervisor does not answer";
                Err(refused("follow the report", message))
            }
        });
        let later = |first| {
            let later = BroadcastStream::new(follow)
                .filter_map(move |item| ready(item.ok().filter(|(id, _)| *id == own)))
                .take_while(|(_, state)| ready(state.is_some()))
                .filter_map(|(_, state)| ready(state));
            stream::once(ready(first)).chain(later).boxed()
        };
        first.map(|first| first.map(later)).boxed()
    }

    fn logs<'a>(
        &'a self,
        id: &'a str,
        _follow: bool,
        _tail: Option<u32>,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Result<Bytes, EngineError>>, EngineError>> {
        self.ask("logs", |inner| {
            inner.find(id).map(|_| stream::empty().boxed())
        })
    }

    fn events(&self) -> BoxFuture<'_, Result<BoxStream<'static, ContainerEvent>, EngineError>> {
        let events = BroadcastStream::new(self.events.subscribe())
            .filter_map(|event| ready(event.ok()))
            .take_while(|event| ready(event.is_some()))
            .filter_map(ready);
        self.ask("events", |_| Ok(events.boxed()))
    }

    fn owned(&self) -> BoxFuture<'_, Result<Vec<Owned>, EngineError>> {
        self.ask("owned", |inner| Ok(inner.owned()))
    }

    fn forget_identity(&self) -> BoxFuture<'_, Result<(), EngineError>> {
        self.ask("forget_identity", |inner| {
            inner.identified &= !inner.owned().is_empty();
            Ok(())
        })
    }
}
