//! Containers: list, create, start, stop, remove.

use std::time::Duration;

use bollard::{
    models::{
        ContainerInspectResponse, ContainerStateStatusEnum, ContainerSummary,
        ContainerSummaryStateEnum,
    },
    query_parameters::{
        CreateContainerOptionsBuilder, ListContainersOptionsBuilder, RemoveContainerOptionsBuilder,
        StopContainerOptionsBuilder,
    },
};

use super::{
    Podman, TIMEOUT,
    error::{is_improper, is_not_found, is_taken},
    profile::create_body,
};
use crate::engine::{Container, ContainerPhase, ContainerSpec, EngineError, Listed, is_of};

/// Tries to remove a container that the engine is in the middle of something with.
const REMOVALS: u32 = 5;
/// Between two of them.
const PAUSE: Duration = Duration::from_millis(200);

impl Podman {
    pub(super) async fn list_own(&self) -> Result<Vec<Listed>, EngineError> {
        let options = ListContainersOptionsBuilder::new()
            .all(true)
            .filters(&self.filter())
            .build();
        let found = self.docker.list_containers(Some(options)).await;
        let found = found.map_err(|e| self.failed("list containers", e))?;
        let listed = |c: ContainerSummary| {
            Some(Listed {
                id: c.id?,
                labels: c.labels.unwrap_or_default().into_iter().collect(),
                running: c.state == Some(ContainerSummaryStateEnum::RUNNING),
            })
        };
        let own = found.into_iter().filter(|c| self.is_own(c.labels.as_ref()));
        Ok(own.filter_map(listed).collect())
    }

    pub(super) async fn find_own(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Vec<Container>, EngineError> {
        let mut found = vec![];
        let all = self.list_own().await?;
        for listed in all.iter().filter(|c| is_of(&c.labels, namespace, name)) {
            match self.own_container(&listed.id).await {
                Ok(container) => found.push(container),
                // Gone since it was listed.
                Err(EngineError::ContainerNotFound(_)) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(found)
    }

    /// Looks at a container of the swarm; one of somebody else does not exist for us.
    pub(super) async fn own_container(&self, id: &str) -> Result<Container, EngineError> {
        match self.docker.inspect_container(id, None).await {
            Ok(found) if self.is_own(found.config.as_ref().and_then(|c| c.labels.as_ref())) => Ok(
                container(found.id.clone().unwrap_or_else(|| id.to_owned()), found),
            ),
            Ok(_) => Err(EngineError::ContainerNotFound(id.to_owned())),
            Err(e) if is_not_found(&e) => Err(EngineError::ContainerNotFound(id.to_owned())),
            Err(e) => Err(self.failed("inspect a container", e)),
        }
    }

    pub(super) async fn make_container(&self, spec: &ContainerSpec) -> Result<String, EngineError> {
        // The engine would make a missing volume by itself, without labels.
        if !self.has_volume(&spec.home_volume).await? {
            return Err(EngineError::Refused {
                action: "create a container".to_owned(),
                message: format!("its volume {} does not exist", spec.home_volume),
            });
        }
        let options = CreateContainerOptionsBuilder::new()
            .name(&spec.name)
            .build();
        match self
            .docker
            .create_container(Some(options), create_body(spec, &self.swarm))
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

    pub(super) async fn start_container(&self, id: &str) -> Result<(), EngineError> {
        self.own_container(id).await?;
        let started = self.docker.start_container(id, None).await;
        started.map_err(|e| self.failed("start a container", e))
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

fn container(id: String, found: ContainerInspectResponse) -> Container {
    use ContainerStateStatusEnum as Status;
    let state = found.state.unwrap_or_default();
    let config = found.config.unwrap_or_default();
    let phase = match state.status {
        Some(Status::CREATED) => ContainerPhase::Created,
        Some(Status::RUNNING) => ContainerPhase::Running,
        Some(Status::EXITED) => ContainerPhase::Exited,
        _ => ContainerPhase::Other,
    };
    // The engine fills times that have not come yet with the year 1.
    let time = |t: Option<String>| t.filter(|t| !t.starts_with("0001-"));
    let ended = phase == ContainerPhase::Exited;
    Container {
        id,
        name: found
            .name
            .unwrap_or_default()
            .trim_start_matches('/')
            .to_owned(),
        image: config.image.unwrap_or_default(),
        image_id: found.image.unwrap_or_default(),
        labels: config.labels.unwrap_or_default().into_iter().collect(),
        phase,
        exit_code: state.exit_code.filter(|_| ended),
        oom_killed: ended && state.oom_killed.unwrap_or(false),
        started_at: time(state.started_at),
        finished_at: time(state.finished_at).filter(|_| ended),
    }
}
