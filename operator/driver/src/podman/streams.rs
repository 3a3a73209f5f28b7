//! Logs and events.

use std::collections::HashMap;

use bollard::query_parameters::{EventsOptionsBuilder, LogsOptionsBuilder};
use bytes::Bytes;
use futures::{StreamExt, stream::BoxStream};

use super::Podman;
use crate::{
    engine::{ContainerEvent, EngineError, labels},
    probe,
};

/// What Podman puts beside the labels of a container in an event of it.
const ADDED: [&str; 5] = ["containerExitCode", "exitCode", "image", "name", "podId"];

impl Podman {
    pub(super) async fn read_logs(
        &self,
        id: &str,
        follow: bool,
        tail: Option<u32>,
    ) -> Result<BoxStream<'static, Result<Bytes, EngineError>>, EngineError> {
        self.own_container(id).await?;
        let tail = tail.map_or_else(|| "all".to_owned(), |lines| lines.to_string());
        let options = LogsOptionsBuilder::new()
            .follow(follow)
            .stdout(true)
            .stderr(true)
            .tail(&tail)
            .build();
        let socket = self.socket.display().to_string();
        let parts = self.docker.logs(id, Some(options)).map(move |part| {
            part.map(bollard::container::LogOutput::into_bytes)
                .map_err(|e| EngineError::Unreachable {
                    socket: socket.clone(),
                    reason: e.to_string(),
                })
        });
        Ok(parts.boxed())
    }

    pub(super) async fn follow_events(
        &self,
    ) -> Result<BoxStream<'static, ContainerEvent>, EngineError> {
        probe::reach(&self.socket).map_err(|e| self.unreachable(e.to_string()))?;
        let filters = HashMap::from([
            ("label", vec![self.swarm_label()]),
            ("type", vec!["container".to_owned()]),
        ]);
        let options = EventsOptionsBuilder::new().filters(&filters).build();
        let swarm = self.swarm.clone();
        let events = self
            .docker
            .events(Some(options))
            .take_while(|event| std::future::ready(event.is_ok()))
            .filter_map(move |event| {
                let event = event.ok().and_then(|event| {
                    let mut labels = event.actor?.attributes?;
                    let own = labels.get(labels::SWARM) == Some(&swarm);
                    let action = event.action.filter(|_| own)?;
                    labels.retain(|key, _| !ADDED.contains(&key.as_str()));
                    Some(ContainerEvent {
                        labels: labels.into_iter().collect(),
                        action,
                    })
                });
                std::future::ready(event)
            });
        Ok(events.boxed())
    }
}
