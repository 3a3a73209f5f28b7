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

use super::{FakeEngine, Inner};
use crate::engine::{
    Container, ContainerEvent, ContainerPhase, ContainerSpec, Engine, EngineError, EngineInfo,
    Listed, is_of, labels,
};

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

    fn list(&self) -> BoxFuture<'_, Result<Vec<Listed>, EngineError>> {
        let listed = |c: &Container| Listed {
            id: c.id.clone(),
            labels: c.labels.clone(),
            running: c.phase == ContainerPhase::Running,
        };
        done(self.ask(|inner| Ok(inner.containers.iter().map(listed).collect())))
    }

    fn find<'a>(
        &'a self,
        namespace: &'a str,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Vec<Container>, EngineError>> {
        let of = |c: &&Container| is_of(&c.labels, namespace, name);
        done(self.ask(|inner| Ok(inner.containers.iter().filter(of).cloned().collect())))
    }

    fn create<'a>(&'a self, spec: &'a ContainerSpec) -> BoxFuture<'a, Result<String, EngineError>> {
        done(self.order(("create", &spec.name), |inner| {
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
            inner.made += 1;
            let id = format!("{:064x}", inner.made);
            inner.specs.push(spec.clone());
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
        done(self.order(("start", id), |inner| {
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
        let running = self.order(("stop", id), |inner| {
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
        done(self.order(("remove", id), |inner| {
            inner.containers.retain(|c| c.id != id);
            Ok(())
        }))
    }

    fn deliver<'a>(
        &'a self,
        id: &'a str,
        delivery: &'a Delivery,
    ) -> BoxFuture<'a, Result<(), EngineError>> {
        done(self.order(("deliver", id), |inner| {
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
        let first = self.ask(|inner| {
            let runs = inner.find(id)?.phase == ContainerPhase::Running;
            if runs && !inner.mute {
                Ok(inner.states.get(id).cloned().unwrap_or_default())
            } else {
                Err(EngineError::Refused {
                    action: "follow the report".into(),
                    message: "the supervisor does not answer".into(),
                })
            }
        });
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
        let events = BroadcastStream::new(self.events.subscribe())
            .filter_map(|event| ready(event.ok()))
            .take_while(|event| ready(event.is_some()))
            .filter_map(ready);
        done(self.ask(|_| Ok(events.boxed())))
    }
}
