//! Logs and events.

use bollard::query_parameters::{EventsOptionsBuilder, LogsOptionsBuilder};
use bytes::Bytes;
use futures::{StreamExt, stream::BoxStream};

use super::Podman;
use crate::engine::{ContainerEvent, EngineError, labels};

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
        if let Some(reason) = super::error::probe(&self.socket) {
            let socket = self.socket.display().to_string();
            return Err(EngineError::Unreachable { socket, reason });
        }
        let mut filter = self.filter();
        filter.insert("type".to_owned(), vec!["container".to_owned()]);
        let options = EventsOptionsBuilder::new().filters(&filter).build();
        let swarm = self.swarm.clone();
        let events = self
            .docker
            .events(Some(options))
            .take_while(|event| std::future::ready(event.is_ok()))
            .filter_map(move |event| {
                let event = event.ok().and_then(|event| {
                    let mut attributes = event.actor?.attributes?;
                    let own = attributes.get(labels::SWARM) == Some(&swarm);
                    let action = event.action.filter(|_| own)?;
                    Some(ContainerEvent {
                        namespace: attributes.remove(labels::NAMESPACE)?,
                        name: attributes.remove(labels::NAME)?,
                        action,
                    })
                });
                std::future::ready(event)
            });
        Ok(events.boxed())
    }
}
