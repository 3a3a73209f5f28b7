//! What is done to containers: create, import, start, stop, remove.

use std::time::Duration;

use bollard::{
    body_full,
    query_parameters::{
        ContainerArchiveInfoOptionsBuilder, CreateContainerOptionsBuilder,
        RemoveContainerOptionsBuilder, StopContainerOptionsBuilder,
        UploadToContainerOptionsBuilder,
    },
};
use bytes::Bytes;

use super::{
    Podman, TIMEOUT,
    error::{is_improper, is_not_found, is_taken, refused},
    profile::{Addresses, create_body},
};
use crate::engine::{Container, ContainerPhase, ContainerSpec, EngineError};

/// Tries to remove a container that the engine is in the middle of something with.
const REMOVALS: u32 = 5;
/// Between two of them.
const PAUSE: Duration = Duration::from_millis(200);

impl Podman {
    pub(super) async fn make_container(&self, spec: &ContainerSpec) -> Result<String, EngineError> {
        // The engine would make a missing volume by itself, without labels.
        if let Some(volume) = &spec.volume
            && !self.has_volume(&volume.name).await?
        {
            return Err(refused(
                "create a container",
                format!("its volume {} does not exist", volume.name),
            ));
        }
        let addresses = self.addresses(spec).await?;
        let options = CreateContainerOptionsBuilder::new()
            .name(&spec.name)
            .build();
        match self
            .docker
            .create_container(Some(options), create_body(spec, &self.swarm, &addresses))
            .await
        {
            Ok(created) => Ok(created.id),
            Err(e) if is_taken(&e) => self.taken(spec).await,
            Err(e) if is_not_found(&e) && self.ask_image(&spec.image).await?.is_none() => {
                Err(EngineError::ImageNotFound(spec.image.clone()))
            }
            Err(e) => Err(self.failed("create a container", e)),
        }
    }

    /// The addresses of the spec; the network is looked at only when there are some.
    async fn addresses(&self, spec: &ContainerSpec) -> Result<Addresses, EngineError> {
        if spec.address_from_end.is_none() && spec.hosts.is_empty() {
            return Ok(Addresses::default());
        }
        let range = self.range_of(&spec.network).await?;
        let address = |distance| {
            range.nth_from_end(distance).ok_or_else(|| {
                let network = &spec.network;
                refused(
                    "create a container",
                    format!("network {network} has no address {distance} before its end"),
                )
            })
        };
        let known = |(name, distance): (&String, &u32)| Ok((name.clone(), address(*distance)?));
        Ok(Addresses {
            own: spec.address_from_end.map(address).transpose()?,
            hosts: spec.hosts.iter().map(known).collect::<Result<_, _>>()?,
        })
    }

    /// The name is taken: by the very container that was asked for, or by another.
    async fn taken(&self, spec: &ContainerSpec) -> Result<String, EngineError> {
        let taken = || EngineError::NameTaken(spec.name.clone());
        match self.own_container(&spec.name).await {
            Ok(found) => {
                // The image's labels are among the container's.
                let same = spec
                    .labels
                    .iter()
                    .all(|(key, value)| found.labels.get(key) == Some(value));
                if same { Ok(found.id) } else { Err(taken()) }
            }
            Err(EngineError::ContainerNotFound(_)) => Err(taken()),
            Err(e) => Err(e),
        }
    }

    pub(super) async fn unpack(
        &self,
        id: &str,
        path: &str,
        archive: Bytes,
    ) -> Result<(), EngineError> {
        let found = self.own_container(id).await?;
        if found.phase != ContainerPhase::Created || found.started_at.is_some() {
            let message = "the container was started already".to_owned();
            return Err(refused("import files", message));
        }
        if !path.starts_with('/') {
            let message = format!("{path:?} is not an absolute path");
            return Err(refused("import files", message));
        }
        // The engine would make it, beside the volume that was meant perhaps.
        let options = ContainerArchiveInfoOptionsBuilder::new().path(path).build();
        let info = self.docker.get_container_archive_info(id, Some(options));
        match info.await {
            Ok(_) => {}
            Err(e) if is_not_found(&e) => {
                let message = format!("the container has no {path}");
                return Err(refused("import files", message));
            }
            Err(e) => return Err(self.failed("import files", e)),
        }
        let options = UploadToContainerOptionsBuilder::new().path(path).build();
        let unpacked = self
            .docker
            .upload_to_container(id, Some(options), body_full(archive))
            .await;
        unpacked.map_err(|e| self.failed("import files", e))
    }

    pub(super) async fn start_container(&self, id: &str) -> Result<Container, EngineError> {
        self.own_container(id).await?;
        let started = self.docker.start_container(id, None).await;
        started.map_err(|e| self.failed("start a container", e))?;
        self.own_container(id).await
    }

    pub(super) async fn stop_container(&self, id: &str, seconds: u32) -> Result<(), EngineError> {
        match self.own_container(id).await {
            Ok(found) if found.phase != ContainerPhase::Exited => {}
            Ok(_) | Err(EngineError::ContainerNotFound(_)) => return Ok(()),
            Err(e) => return Err(e),
        }
        let patient = self
            .docker
            .clone()
            .with_timeout(TIMEOUT + Duration::from_secs(seconds.into()));
        let options = StopContainerOptionsBuilder::new()
            .t(i32::try_from(seconds).unwrap_or(i32::MAX))
            .build();
        match patient.stop_container(id, Some(options)).await {
            Ok(()) => Ok(()),
            Err(e) if is_not_found(&e) => Ok(()),
            Err(e) => {
                // Never started, or ended meanwhile: what was asked for holds.
                match self.own_container(id).await {
                    Ok(found) if found.phase == ContainerPhase::Running => {
                        Err(self.failed("stop a container", e))
                    }
                    Ok(_) | Err(EngineError::ContainerNotFound(_)) => Ok(()),
                    Err(other) => Err(other),
                }
            }
        }
    }

    pub(super) async fn drop_container(&self, id: &str) -> Result<(), EngineError> {
        let mut tries = 0;
        loop {
            match self.own_container(id).await {
                Ok(_) => {}
                Err(EngineError::ContainerNotFound(_)) => return Ok(()),
                Err(e) => return Err(e),
            }
            let options = RemoveContainerOptionsBuilder::new().force(true).build();
            match self.docker.remove_container(id, Some(options)).await {
                Ok(()) => return Ok(()),
                Err(e) if is_not_found(&e) => return Ok(()),
                Err(e) if is_improper(&e) && tries < REMOVALS => {
                    tries += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                Err(e) => return Err(self.failed("remove a container", e)),
            }
        }
    }
}
