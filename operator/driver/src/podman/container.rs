//! Containers as the engine has them: listed, and looked at one by one.

use std::{collections::HashMap, time::Duration};

use bollard::{
    errors::Error,
    models::{
        ContainerInspectResponse, ContainerStateStatusEnum, ContainerSummary,
        ContainerSummaryStateEnum,
    },
    query_parameters::ListContainersOptionsBuilder,
};

use super::{Podman, error::is_not_found};
use crate::engine::{Container, ContainerPhase, EngineError, Listed, Selector};

/// How often an answer is asked for again that names a passing state.
const TRIES: u32 = 60;
/// Between two of them.
const PAUSE: Duration = Duration::from_millis(50);

/// Asks until the answer can be read. Between the end of a container's program and `exited`, Podman calls its state
/// `stopped` for a moment, which the API does not know: without another try, one such container would make the whole
/// engine seem to be away.
async fn readable<T, F: Future<Output = Result<T, Error>>>(
    ask: impl Fn() -> F,
) -> Result<T, Error> {
    for _ in 1..TRIES {
        match ask().await {
            Err(Error::JsonDataError { message, .. }) if message.contains("`stopped`") => {
                tokio::time::sleep(PAUSE).await;
            }
            answer => return answer,
        }
    }
    ask().await
}

impl Podman {
    pub(super) async fn list_own(&self) -> Result<Vec<Listed>, EngineError> {
        self.list_selected(&Selector::default()).await
    }

    pub(super) async fn find_own(
        &self,
        selector: &Selector,
    ) -> Result<Vec<Container>, EngineError> {
        let mut found = vec![];
        for listed in self.list_selected(selector).await? {
            match self.own_container(&listed.id).await {
                Ok(container) => found.push(container),
                // Gone since it was listed.
                Err(EngineError::ContainerNotFound(_)) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(found)
    }

    /// The swarm's containers that are meant. Podman lists containers that carry all of the labels asked for; with
    /// an engine that listed those that carry any, the answer would be larger and what comes of it the same.
    async fn list_selected(&self, selector: &Selector) -> Result<Vec<Listed>, EngineError> {
        let selected = selector
            .labels()
            .map(|(key, value)| format!("{key}={value}"));
        let labels = std::iter::once(self.swarm_label()).chain(selected);
        let filters = HashMap::from([("label", labels.collect())]);
        let found = self.containers(&filters).await?;
        let listed = |c: ContainerSummary| {
            Some(Listed {
                id: c.id?,
                labels: c.labels.unwrap_or_default().into_iter().collect(),
                running: c.state == Some(ContainerSummaryStateEnum::RUNNING),
            })
        };
        let own = found.into_iter().filter(|c| self.is_own(c.labels.as_ref()));
        Ok(own
            .filter_map(listed)
            .filter(|c| selector.matches(&c.labels))
            .collect())
    }

    /// Containers in any state, of anybody.
    pub(super) async fn containers(
        &self,
        filters: &HashMap<&str, Vec<String>>,
    ) -> Result<Vec<ContainerSummary>, EngineError> {
        let options = ListContainersOptionsBuilder::new()
            .all(true)
            .filters(filters)
            .build();
        let found = readable(|| self.docker.list_containers(Some(options.clone())));
        found.await.map_err(|e| self.failed("list containers", e))
    }

    /// Looks at a container of the swarm; one of somebody else does not exist for us.
    pub(super) async fn own_container(&self, id: &str) -> Result<Container, EngineError> {
        match readable(|| self.docker.inspect_container(id, None)).await {
            Ok(found) if self.is_own(found.config.as_ref().and_then(|c| c.labels.as_ref())) => Ok(
                container(found.id.clone().unwrap_or_else(|| id.to_owned()), found),
            ),
            Ok(_) => Err(EngineError::ContainerNotFound(id.to_owned())),
            Err(e) if is_not_found(&e) => Err(EngineError::ContainerNotFound(id.to_owned())),
            Err(e) => Err(self.failed("inspect a container", e)),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::podman::scripted::Scripted;

    #[tokio::test]
    async fn find_asks_for_the_selected_containers_alone_and_looks_at_what_comes() {
        let engine = Scripted::start(&[(
            200,
            r#"[{"Id": "1", "Labels": {"agentchat.dev/swarm": "mine", "agentchat.dev/namespace": "default"}},
                {"Id": "2", "Labels": {"agentchat.dev/namespace": "default", "agentchat.dev/name": "ada"}}]"#,
        )]);
        let ada = Selector::agent("default", "ada");
        assert_eq!(engine.podman.find_own(&ada).await.unwrap(), []);
        let requests = engine.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        for (label, value) in [("swarm", "mine"), ("namespace", "default"), ("name", "ada")] {
            let filter = format!("agentchat.dev%2F{label}%3D{value}%22");
            assert!(requests[0].contains(&filter), "{label}: {requests:?}");
        }
    }

    #[tokio::test]
    async fn container_that_is_just_stopping_does_not_make_the_engine_unreachable() {
        const STOPPED: &str =
            r#"[{"Id": "1", "State": "stopped", "Labels": {"agentchat.dev/swarm": "mine"}}]"#;
        const EXITED: &str =
            r#"[{"Id": "1", "State": "exited", "Labels": {"agentchat.dev/swarm": "mine"}}]"#;
        let engine = Scripted::start(&[(200, STOPPED), (200, STOPPED), (200, EXITED)]);
        let listed = engine.podman.list_own().await.unwrap();
        assert_eq!(listed.len(), 1);
        assert!(!listed[0].running);
        assert_eq!(engine.requests().len(), 3);
    }
}
