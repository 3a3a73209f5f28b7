//! The engine's own identity: a label of a volume that is made once and belongs to no swarm.

use std::collections::HashMap;

use bollard::models::VolumeCreateRequest;
use uuid::Uuid;

use super::{
    Podman,
    error::{is_not_found, is_taken, refused},
};
use crate::engine::{EngineError, labels};

/// Name of the volume.
const VOLUME: &str = "agentchat-engine";
/// How often it is made, when others remove it as soon as it is there.
const TRIES: usize = 3;

impl Podman {
    /// The identity that is there, or a new one. What counts is what is there afterwards: of several who make it
    /// at the same moment one wins, and the others are given the winner's.
    pub(super) async fn identity(&self) -> Result<String, EngineError> {
        for _ in 0..TRIES {
            if let Some(id) = self.known_identity().await? {
                return Ok(id);
            }
            let request = VolumeCreateRequest {
                name: Some(VOLUME.to_owned()),
                labels: Some(HashMap::from([(
                    labels::ENGINE.to_owned(),
                    Uuid::new_v4().to_string(),
                )])),
                ..VolumeCreateRequest::default()
            };
            match self.docker.create_volume(request).await {
                Ok(_) => {}
                Err(e) if is_taken(&e) => {}
                Err(e) => return Err(self.failed("create a volume", e)),
            }
        }
        let message = format!("the volume {VOLUME} is removed as soon as it is made");
        Err(refused("keep its identity", message))
    }

    async fn known_identity(&self) -> Result<Option<String>, EngineError> {
        match self.docker.inspect_volume(VOLUME).await {
            Ok(mut found) => match found.labels.remove(labels::ENGINE) {
                Some(id) if !id.is_empty() => Ok(Some(id)),
                _ => Err(EngineError::NameTaken(format!(
                    "volume {VOLUME} (which is to keep the engine's identity in its label {})",
                    labels::ENGINE
                ))),
            },
            Err(e) if is_not_found(&e) => Ok(None),
            Err(e) => Err(self.failed("look for a volume", e)),
        }
    }

    pub(super) async fn drop_identity(&self) -> Result<(), EngineError> {
        let found = self.labelled(labels::SWARM).await?;
        if found.iter().any(|(_, l)| l.contains_key(labels::SWARM)) {
            return Ok(());
        }
        match self.known_identity().await {
            Ok(Some(_)) => self.delete_volume(VOLUME).await,
            Ok(None) | Err(EngineError::NameTaken(_)) => Ok(()),
            Err(e) => Err(e),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::podman::scripted::Scripted;

    const ABSENT: (u16, &str) = (404, r#"{"message": "no such volume"}"#);
    const MADE: (u16, &str) = (
        201,
        r#"{"Name": "agentchat-engine", "Driver": "local", "Mountpoint": "/", "Scope": "local", "Options": {}, "Labels": {}}"#,
    );
    const EXISTS: (u16, &str) = (500, r#"{"message": "volume already exists"}"#);
    const OTHERS: (u16, &str) = (
        200,
        r#"{"Name": "agentchat-engine", "Driver": "local", "Mountpoint": "/", "Scope": "local", "Options": {},
            "Labels": {"agentchat.dev/engine": "of-the-quicker"}}"#,
    );

    #[tokio::test]
    async fn identity_of_the_quicker_counts_for_all_who_make_it() {
        for answers in [&[ABSENT, MADE, OTHERS], &[ABSENT, EXISTS, OTHERS]] {
            let engine = Scripted::start(answers);
            let id = engine.podman.identity().await.unwrap();
            assert_eq!(id, "of-the-quicker");
            let requests = engine.requests();
            assert_eq!(requests.len(), 3, "{requests:?}");
        }
    }

    #[tokio::test]
    async fn identity_that_others_remove_again_and_again_is_an_error() {
        let engine = Scripted::start(&[ABSENT, MADE, ABSENT, MADE, ABSENT, MADE]);
        let error = engine.podman.identity().await.unwrap_err();
        assert!(error.to_string().contains("agentchat-engine"), "{error}");
    }
}
