//! Containers from their creation to their removal.

use agentchat_driver::{ContainerPhase, ContainerSpec, EngineError, Listed, Selector, labels};

use crate::engines;

#[tokio::test]
async fn container_lives_and_every_step_may_be_repeated() {
    for swarm in engines("life") {
        let engine = &swarm.engine;
        let spec = swarm.spec();
        swarm.network_and_volume(&spec).await;
        swarm.network_and_volume(&spec).await;
        assert_eq!(engine.list().await.unwrap(), []);
        let id = engine.create(&spec).await.unwrap();
        assert_eq!(
            engine.create(&spec).await.unwrap(),
            id,
            "the same is not made twice"
        );
        let created = swarm.ada().await;
        assert_eq!((created.phase, &created.id), (ContainerPhase::Created, &id));
        assert_eq!((created.exit_code, &created.started_at), (None, &None));
        assert!(
            spec.labels
                .iter()
                .all(|(k, v)| created.labels.get(k) == Some(v))
        );

        engine.start(&id).await.unwrap();
        let running = engine.start(&id).await.unwrap();
        assert_eq!(running, swarm.ada().await, "as it is after the start");
        assert_eq!(running.phase, ContainerPhase::Running);
        assert!(running.started_at.is_some());
        let listed = Listed {
            id: id.clone(),
            labels: running.labels.clone(),
            running: true,
        };
        assert_eq!(engine.list().await.unwrap(), [listed]);

        engine.stop(&id, 5).await.unwrap();
        engine.stop(&id, 5).await.unwrap();
        let ended = swarm.ada().await;
        assert_eq!(
            (ended.phase, ended.exit_code),
            (ContainerPhase::Exited, Some(0))
        );
        assert!(ended.finished_at.is_some());
        assert!(!engine.list().await.unwrap()[0].running);

        let again = engine.start(&id).await.unwrap();
        assert_eq!(again.phase, ContainerPhase::Running);
        assert_ne!(
            again.run_id(),
            running.run_id(),
            "two runs can be told apart"
        );
        for _ in 0..2 {
            engine.remove(&id).await.unwrap();
        }
        let volume = &spec.volume.as_ref().unwrap().name;
        for _ in 0..2 {
            engine.remove_volume(volume).await.unwrap();
            engine.remove_network(&spec.network).await.unwrap();
        }
        assert_eq!(engine.owned().await.unwrap(), []);
    }
}

#[tokio::test]
async fn what_is_missing_or_taken_is_named() {
    for swarm in engines("names") {
        let engine = &swarm.engine;
        let spec = swarm.spec();
        swarm.network_and_volume(&spec).await;
        let absent = "localhost/no-such-image:none";
        assert_eq!(engine.image_id(absent).await.unwrap(), None);
        assert!(engine.image_id(&swarm.image).await.unwrap().is_some());
        let error = engine
            .create(&ContainerSpec {
                image: absent.into(),
                ..spec.clone()
            })
            .await;
        assert!(
            matches!(&error, Err(EngineError::ImageNotFound(i)) if i == absent),
            "{error:?}"
        );
        let mut without_volume = spec.clone();
        without_volume.volume.as_mut().unwrap().name.push_str("-no");
        let error = engine.create(&without_volume).await;
        assert!(
            matches!(error, Err(EngineError::Refused { .. })),
            "{error:?}"
        );
        let error = engine.start("0000").await;
        assert!(
            matches!(error, Err(EngineError::ContainerNotFound(_))),
            "{error:?}"
        );
        engine.create(&spec).await.unwrap();
        let mut other = spec.clone();
        other
            .labels
            .insert(labels::SPEC_HASH.into(), "another".into());
        let error = engine.create(&other).await;
        assert!(matches!(error, Err(EngineError::NameTaken(_))), "{error:?}");
    }
}

#[tokio::test]
async fn container_needs_no_volume() {
    for swarm in engines("bare") {
        let mut spec = swarm.spec();
        spec.volume = None;
        let id = swarm.create(&spec).await;
        assert_eq!(swarm.ada().await.id, id);
        let found = swarm.engine.find(&Selector::default()).await.unwrap();
        assert_eq!(found.len(), 1);
    }
}
