//! Networks and volumes.

use std::collections::{BTreeMap, HashMap};

use bollard::{
    models::{NetworkCreateRequest, VolumeCreateRequest},
    query_parameters::RemoveVolumeOptions,
};

use super::{
    Podman,
    error::{is_not_found, is_taken},
};
use crate::engine::{EngineError, labels};

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

    pub(super) async fn make_volume(
        &self,
        name: &str,
        extra: &BTreeMap<String, String>,
    ) -> Result<(), EngineError> {
        if self.has_volume(name).await? {
            return Ok(());
        }
        let mut all: HashMap<_, _> = extra.clone().into_iter().collect();
        all.remove(labels::SPEC_HASH);
        all.extend(self.own());
        let request = VolumeCreateRequest {
            name: Some(name.to_owned()),
            labels: Some(all),
            ..VolumeCreateRequest::default()
        };
        match self.docker.create_volume(request).await {
            Ok(_) => Ok(()),
            Err(e) if is_taken(&e) => self.has_volume(name).await.map(drop),
            Err(e) => Err(self.failed("create a volume", e)),
        }
    }

    /// Whether the volume is there; refuses one that belongs to somebody else.
    pub(super) async fn has_volume(&self, name: &str) -> Result<bool, EngineError> {
        match self.docker.inspect_volume(name).await {
            Ok(found) if self.is_own(Some(&found.labels)) => Ok(true),
            Ok(_) => Err(EngineError::NameTaken(format!("volume {name}"))),
            Err(e) if is_not_found(&e) => Ok(false),
            Err(e) => Err(self.failed("look for a volume", e)),
        }
    }

    pub(super) async fn drop_volume(&self, name: &str) -> Result<(), EngineError> {
        match self.has_volume(name).await {
            Ok(true) => {}
            Ok(false) | Err(EngineError::NameTaken(_)) => return Ok(()),
            Err(e) => return Err(e),
        }
        match self
            .docker
            .remove_volume(name, None::<RemoveVolumeOptions>)
            .await
        {
            Ok(()) => Ok(()),
            Err(e) if is_not_found(&e) => Ok(()),
            Err(e) => Err(self.failed("remove a volume", e)),
        }
    }
}
