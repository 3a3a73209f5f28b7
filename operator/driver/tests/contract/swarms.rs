//! Several swarms on one engine, and engines that can't be asked.

use agentchat_driver::{Engine, EngineError, FakeEngine, Owned, Podman};

use crate::{engines, podman};

#[tokio::test]
async fn swarms_do_not_see_each_other() {
    let (Some(one), Some(two)) = (podman("swarm-1"), podman("swarm-2")) else {
        return;
    };
    let spec = one.spec();
    let id = one.create(&spec).await;
    let volume = &spec.volume.as_ref().unwrap().name;
    assert_eq!(two.engine.list().await.unwrap(), []);
    assert_eq!(two.engine.owned().await.unwrap(), []);
    assert!(matches!(
        two.engine.start(&id).await,
        Err(EngineError::ContainerNotFound(_))
    ));
    assert!(matches!(
        two.engine.import(&id, "/tmp", vec![].into()).await,
        Err(EngineError::ContainerNotFound(_))
    ));
    two.engine.remove(&id).await.unwrap();
    two.engine.remove_volume(volume).await.unwrap();
    two.engine.remove_network(&spec.network).await.unwrap();
    assert!(matches!(
        two.engine.create(&spec).await,
        Err(EngineError::NameTaken(_))
    ));
    let left = one.engine.owned().await.unwrap();
    assert_eq!(left.len(), 3, "the other swarm removed it: {left:?}");
}

#[tokio::test]
async fn everything_of_a_swarm_is_listed_in_order() {
    for swarm in engines("owned") {
        assert_eq!(swarm.engine.owned().await.unwrap(), []);
        // The engine's identity is nobody's.
        swarm.engine.info().await.unwrap();
        let mut spec = swarm.spec();
        swarm.create(&spec).await;
        spec.name.push_str("-again");
        let id = swarm.create(&spec).await;
        swarm.engine.start(&id).await.unwrap();
        let owned = |kind, end| Owned {
            kind,
            name: format!("{}{end}", swarm.name),
        };
        assert_eq!(
            swarm.engine.owned().await.unwrap(),
            [
                owned("container", ""),
                owned("container", "-again"),
                owned("network", ""),
                owned("volume", "-home")
            ]
        );
    }
}

#[tokio::test]
async fn engine_that_does_not_answer_is_unknown_not_empty() {
    let fake = FakeEngine::new("s", &[]);
    fake.set_unreachable(true);
    assert!(matches!(
        fake.list().await,
        Err(EngineError::Unreachable { .. })
    ));
    let folder = tempfile::tempdir().unwrap();
    let error = Podman::connect(&folder.path().join("none.sock"), "s".into())
        .err()
        .unwrap();
    assert!(error.to_string().contains("cargo xtask setup"), "{error}");
}
