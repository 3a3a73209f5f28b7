//! Volumes.

use std::collections::{BTreeMap, HashMap};

use bollard::{models::VolumeCreateRequest, query_parameters::RemoveVolumeOptions};

use super::{
    Podman,
    error::{is_not_found, is_taken},
};
use crate::engine::{EngineError, labels};

impl Podman {
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
            Ok(made) if self.is_own(Some(&made.labels)) => Ok(()),
            // Somebody was quicker, for which the engine has either answer.
            Ok(_) => Err(EngineError::NameTaken(format!("volume {name}"))),
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
        self.delete_volume(name).await
    }

    /// Removes a volume, whoever it belongs to; absent is fine.
    pub(super) async fn delete_volume(&self, name: &str) -> Result<(), EngineError> {
        let options = None::<RemoveVolumeOptions>;
        match self.docker.remove_volume(name, options).await {
            Ok(()) => Ok(()),
            Err(e) if is_not_found(&e) => Ok(()),
            Err(e) => Err(self.failed("remove a volume", e)),
        }
    }
}
