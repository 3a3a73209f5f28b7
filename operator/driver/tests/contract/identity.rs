//! The engine's own identity.

use std::collections::{BTreeMap, HashMap};

use agentchat_driver::{Engine, EngineError, FakeEngine, labels};
use bollard::{
    models::{ContainerCreateBody, HostConfig, VolumeCreateRequest},
    query_parameters::{
        CreateContainerOptionsBuilder, RemoveContainerOptionsBuilder, RemoveVolumeOptions,
    },
};
use futures::future::join_all;

use crate::{
    engines,
    own_podman::{self, OwnPodman},
};

/// The volume of Podman that keeps it.
const VOLUME: &str = "agentchat-engine";

#[tokio::test]
async fn engine_keeps_its_identity_while_a_swarm_has_something_on_it() {
    for swarm in engines("identity") {
        let first = swarm.engine.info().await.unwrap();
        assert!(!first.id.is_empty());
        swarm.create(&swarm.spec()).await;
        swarm.engine.forget_identity().await.unwrap();
        assert_eq!(swarm.engine.info().await.unwrap(), first);
    }
}

#[tokio::test]
async fn fake_engines_have_the_identities_that_they_are_given() {
    let (one, two) = (
        FakeEngine::named("one", "swarm", &[]),
        FakeEngine::named("two", "swarm", &[]),
    );
    assert_eq!(one.info().await.unwrap().id, "one");
    assert_eq!(two.info().await.unwrap().id, "two");
    assert_eq!(
        FakeEngine::new("swarm", &[]).info().await.unwrap().id,
        "fake"
    );
    assert!(one.has_identity());
    assert_eq!(one.networks_and_volumes(), Vec::<String>::new());
    one.ensure_network("n").await.unwrap();
    one.forget_identity().await.unwrap();
    assert!(one.has_identity());
    one.remove_network("n").await.unwrap();
    one.forget_identity().await.unwrap();
    assert!(!one.has_identity());
}

#[tokio::test]
async fn all_who_make_the_identity_at_once_get_the_same() {
    let Some(own) = OwnPodman::start().await else {
        return;
    };
    let swarms: Vec<_> = (0..8).map(|n| own.swarm(&n.to_string())).collect();
    let infos = join_all(swarms.iter().map(|s| s.info())).await;
    let ids: Vec<_> = infos.into_iter().map(|i| i.unwrap().id).collect();
    assert_eq!(ids[0].len(), 36, "{ids:?}");
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let other = OwnPodman::start().await.unwrap();
    let other = other.swarm("0").info().await.unwrap().id;
    assert_ne!(other, ids[0], "another engine is another");
}

#[tokio::test]
async fn identity_is_forgotten_when_no_swarm_has_anything_left() {
    let Some(own) = OwnPodman::start().await else {
        return;
    };
    let (engine, other) = (own.swarm("mine"), own.swarm("other"));
    let id = engine.info().await.unwrap().id;
    let kept = async |why: &str| {
        engine.forget_identity().await.unwrap();
        let found = own.docker().inspect_volume(VOLUME).await;
        assert_eq!(found.unwrap().labels[labels::ENGINE], id, "{why}");
    };
    let none = BTreeMap::new();
    other.ensure_volume("v", &none).await.unwrap();
    kept("another swarm has a volume").await;
    other.remove_volume("v").await.unwrap();
    other.ensure_network("n").await.unwrap();
    kept("another swarm has a network").await;
    other.remove_network("n").await.unwrap();
    let labels = HashMap::from([(labels::SWARM.to_owned(), "other".to_owned())]);
    let body = ContainerCreateBody {
        image: Some(own_podman::IMAGE.to_owned()),
        cmd: Some(vec!["/none".to_owned()]),
        labels: Some(labels),
        host_config: Some(HostConfig {
            network_mode: Some("none".to_owned()),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    };
    let options = CreateContainerOptionsBuilder::new().name("c").build();
    let created = own.docker().create_container(Some(options), body).await;
    let created = created.unwrap().id;
    kept("another swarm has a container").await;
    let options = RemoveContainerOptionsBuilder::new().force(true).build();
    let removed = own.docker().remove_container(&created, Some(options)).await;
    removed.unwrap();
    engine.forget_identity().await.unwrap();
    engine.forget_identity().await.unwrap();
    let found = own.docker().inspect_volume(VOLUME).await;
    assert!(found.is_err(), "{found:?}");
    assert_ne!(engine.info().await.unwrap().id, id, "a new one is made");
}

#[tokio::test]
async fn volume_of_the_same_name_without_identity_is_named_and_kept() {
    let Some(own) = OwnPodman::start().await else {
        return;
    };
    let engine = own.swarm("mine");
    let request = VolumeCreateRequest {
        name: Some(VOLUME.to_owned()),
        ..VolumeCreateRequest::default()
    };
    own.docker().create_volume(request).await.unwrap();
    let error = engine.info().await.unwrap_err();
    assert!(matches!(error, EngineError::NameTaken(_)), "{error:?}");
    let said = error.to_string();
    assert!(said.contains("volume agentchat-engine"), "{said}");
    engine.forget_identity().await.unwrap();
    own.docker().inspect_volume(VOLUME).await.unwrap();
    let removed = own
        .docker()
        .remove_volume(VOLUME, None::<RemoveVolumeOptions>)
        .await;
    removed.unwrap();
    engine.info().await.unwrap();
}
