//! The swarm's network.

use bollard::models::NetworkCreateRequest;

use super::{
    Podman,
    error::{is_not_found, is_taken},
};
use crate::engine::EngineError;

impl Podman {
    pub(super) async fn make_network(&self, name: &str) -> Result<(), EngineError> {
        if self.has_network(name).await? {
            return Ok(());
        }
        let request = NetworkCreateRequest {
            name: name.to_owned(),
            driver: Some("bridge".to_owned()),
            labels: Some(self.own()),
            ..NetworkCreateRequest::default()
        };
        match self.docker.create_network(request).await {
            Ok(_) => Ok(()),
            // Somebody was quicker; it has to be us.
            Err(e) if is_taken(&e) => self.has_network(name).await.map(drop),
            Err(e) => Err(self.failed("create a network", e)),
        }
    }

    /// Whether the network is there; refuses one that belongs to somebody else.
    async fn has_network(&self, name: &str) -> Result<bool, EngineError> {
        match self.docker.inspect_network(name, None).await {
            Ok(found) if self.is_own(found.labels.as_ref()) => Ok(true),
            Ok(_) => Err(EngineError::NameTaken(format!("network {name}"))),
            Err(e) if is_not_found(&e) => Ok(false),
            Err(e) => Err(self.failed("look for a network", e)),
        }
    }

    pub(super) async fn drop_network(&self, name: &str) -> Result<(), EngineError> {
        match self.has_network(name).await {
            Ok(true) => {}
            Ok(false) | Err(EngineError::NameTaken(_)) => return Ok(()),
            Err(e) => return Err(e),
        }
        match self.docker.remove_network(name).await {
            Ok(()) => Ok(()),
            Err(e) if is_not_found(&e) => Ok(()),
            Err(e) => Err(self.failed("remove a network", e)),
        }
    }
}
