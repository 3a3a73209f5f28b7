//! Podman, through its Docker-compatible API on a unix socket.
//!
//! Every call that names a container first makes sure that the container carries the swarm's label, so
//! that a wrong id can't touch what belongs to somebody else.
//!
//! Podman's answers differ from Docker's in places (500 where 409 or 404 is due); see [`error`].

mod address;
mod container;
mod error;
mod exec;
mod identity;
mod lifecycle;
mod network;
mod owned;
mod profile;
#[cfg(test)]
mod scripted;
mod streams;
mod volume;

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    time::Duration,
};

use agentchat_contract::{Delivery, State};
use bollard::{ClientVersion, Docker};
use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture, stream::BoxStream};

use crate::{
    engine::{
        Container, ContainerEvent, ContainerSpec, Engine, EngineError, EngineInfo, Listed, Owned,
        Selector, labels,
    },
    probe,
};

/// How long the engine may take to answer an ordinary call; starts on a busy machine take seconds.
const TIMEOUT: Duration = Duration::from_secs(120);
/// API version asked for: what Podman 4 and 5 both speak.
const VERSION: ClientVersion = ClientVersion {
    major_version: 1,
    minor_version: 41,
};

/// One Podman, seen through one swarm.
pub struct Podman {
    docker: Docker,
    socket: PathBuf,
    swarm: String,
}

impl Podman {
    /// Prepares a connection; the engine itself is first asked by [`Engine::info`].
    ///
    /// # Errors
    /// [`EngineError::Unreachable`] when nothing answers on the socket, with what to do.
    pub fn connect(socket: &Path, swarm: String) -> Result<Self, EngineError> {
        let unreachable = |reason| EngineError::Unreachable {
            socket: socket.display().to_string(),
            reason,
        };
        probe::reach(socket).map_err(|e| unreachable(e.to_string()))?;
        let path = socket.to_string_lossy();
        let docker = Docker::connect_with_unix(&path, TIMEOUT.as_secs(), &VERSION)
            .map_err(|e| unreachable(e.to_string()))?;
        Ok(Self {
            docker,
            socket: socket.to_owned(),
            swarm,
        })
    }

    /// The labels that everything of the swarm carries.
    fn own(&self) -> HashMap<String, String> {
        HashMap::from([(labels::SWARM.to_owned(), self.swarm.clone())])
    }

    /// Whether labels are those of something that belongs to the swarm.
    fn is_own(&self, found: Option<&HashMap<String, String>>) -> bool {
        found.and_then(|labels| labels.get(labels::SWARM)) == Some(&self.swarm)
    }

    /// The label of the swarm's things, as filters name it.
    fn swarm_label(&self) -> String {
        format!("{}={}", labels::SWARM, self.swarm)
    }

    async fn ask_info(&self) -> Result<EngineInfo, EngineError> {
        let failed = |e| self.failed("say who it is", e);
        let version = self.docker.version().await.map_err(failed)?;
        let podman = probe::podman_version(&self.socket, &version);
        let podman = podman.map_err(|e| self.unreachable(e.to_string()))?;
        let info = self.docker.info().await.map_err(failed)?;
        let number = |n: Option<i64>| n.and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
        Ok(EngineInfo {
            id: self.identity().await?,
            version: podman,
            api_version: version.api_version.unwrap_or_default(),
            kernel: info.kernel_version.unwrap_or_default(),
            architecture: info.architecture.unwrap_or_default(),
            os: info.operating_system.unwrap_or_default(),
            cpus: number(info.ncpu),
            memory: number(info.mem_total),
        })
    }

    async fn ask_image(&self, image: &str) -> Result<Option<String>, EngineError> {
        match self.docker.inspect_image(image).await {
            Ok(found) => Ok(found.id),
            Err(e) if error::is_not_found(&e) => Ok(None),
            Err(e) => Err(self.failed("look for an image", e)),
        }
    }
}

impl Engine for Podman {
    fn info(&self) -> BoxFuture<'_, Result<EngineInfo, EngineError>> {
        self.ask_info().boxed()
    }

    fn image_id<'a>(
        &'a self,
        image: &'a str,
    ) -> BoxFuture<'a, Result<Option<String>, EngineError>> {
        self.ask_image(image).boxed()
    }

    fn ensure_network<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), EngineError>> {
        self.make_network(name).boxed()
    }

    fn remove_network<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), EngineError>> {
        self.drop_network(name).boxed()
    }

    fn ensure_volume<'a>(
        &'a self,
        name: &'a str,
        labels: &'a BTreeMap<String, String>,
    ) -> BoxFuture<'a, Result<(), EngineError>> {
        self.make_volume(name, labels).boxed()
    }

    fn remove_volume<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), EngineError>> {
        self.drop_volume(name).boxed()
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<Listed>, EngineError>> {
        self.list_own().boxed()
    }

    fn find<'a>(
        &'a self,
        selector: &'a Selector,
    ) -> BoxFuture<'a, Result<Vec<Container>, EngineError>> {
        self.find_own(selector).boxed()
    }

    fn create<'a>(&'a self, spec: &'a ContainerSpec) -> BoxFuture<'a, Result<String, EngineError>> {
        self.make_container(spec).boxed()
    }

    fn import<'a>(
        &'a self,
        id: &'a str,
        path: &'a str,
        archive: Bytes,
    ) -> BoxFuture<'a, Result<(), EngineError>> {
        self.unpack(id, path, archive).boxed()
    }

    fn start<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Container, EngineError>> {
        self.start_container(id).boxed()
    }

    fn stop<'a>(
        &'a self,
        id: &'a str,
        timeout_seconds: u32,
    ) -> BoxFuture<'a, Result<(), EngineError>> {
        self.stop_container(id, timeout_seconds).boxed()
    }

    fn remove<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), EngineError>> {
        self.drop_container(id).boxed()
    }

    fn deliver<'a>(
        &'a self,
        id: &'a str,
        receiver: &'a [&'static str],
        delivery: &'a Delivery,
    ) -> BoxFuture<'a, Result<(), EngineError>> {
        self.hand_over(id, receiver, delivery).boxed()
    }

    fn report<'a>(
        &'a self,
        id: &'a str,
    ) -> BoxFuture<'a, Result<BoxStream<'static, State>, EngineError>> {
        self.follow_report(id).boxed()
    }

    fn logs<'a>(
        &'a self,
        id: &'a str,
        follow: bool,
        tail: Option<u32>,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Result<Bytes, EngineError>>, EngineError>> {
        self.read_logs(id, follow, tail).boxed()
    }

    fn events(&self) -> BoxFuture<'_, Result<BoxStream<'static, ContainerEvent>, EngineError>> {
        self.follow_events().boxed()
    }

    fn owned(&self) -> BoxFuture<'_, Result<Vec<Owned>, EngineError>> {
        self.list_owned().boxed()
    }

    fn forget_identity(&self) -> BoxFuture<'_, Result<(), EngineError>> {
        self.drop_identity().boxed()
    }
}
