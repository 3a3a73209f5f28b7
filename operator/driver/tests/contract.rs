//! What every engine promises. The same tests hold the fake and Podman to it.
//!
//! Podman's half runs on the engine of `AGENTCHAT_E2E_SOCKET` with the image of `AGENTCHAT_E2E_IMAGE`, which
//! `cargo xtask test` sets. Without them it says so, and fails where `CI` is set.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where something unexpected happens"
)]
#![expect(clippy::print_stderr, reason = "says when only the fake was tested")]

use std::{collections::BTreeMap, env, path::Path, sync::Arc, time::Duration};

use agentchat_contract::{AgentConfig, DeliveredFile, Delivery, DeliveryDir, Phase};
use agentchat_driver::{
    Container, ContainerPhase, ContainerSpec, Engine, EngineError, FakeEngine, Listed, Podman,
    labels,
};
use futures::StreamExt;
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(60);
const FAKE_IMAGE: &str = "fake-image";

/// The engines to test, each with an image it has and a name that makes its things unique.
fn engines(test: &str) -> Vec<(Arc<dyn Engine>, String, String)> {
    let unique = format!("contract-{test}-{}", std::process::id());
    let fake: Arc<dyn Engine> = Arc::new(FakeEngine::new(&unique, &[FAKE_IMAGE]));
    let mut engines = vec![(fake, FAKE_IMAGE.to_owned(), unique.clone())];
    match (
        env::var("AGENTCHAT_E2E_SOCKET"),
        env::var("AGENTCHAT_E2E_IMAGE"),
    ) {
        (Ok(socket), Ok(image)) => {
            let podman = Podman::connect(Path::new(&socket), unique.clone()).unwrap();
            engines.push((Arc::new(podman), image, unique));
        }
        _ if env::var_os("CI").is_some() => {
            panic!(
                "AGENTCHAT_E2E_SOCKET and AGENTCHAT_E2E_IMAGE are not set; run `cargo xtask test`"
            )
        }
        _ => eprintln!("only the fake is tested; `cargo xtask test` tests Podman as well"),
    }
    engines
}

fn spec(name: &str, image: &str) -> ContainerSpec {
    let all = [
        (labels::NAMESPACE, "default"),
        (labels::NAME, "ada"),
        (labels::SPEC_HASH, "h"),
    ];
    ContainerSpec {
        name: name.to_owned(),
        image: image.to_owned(),
        args: vec!["ada".to_owned()],
        env: BTreeMap::new(),
        labels: all.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
        network: name.to_owned(),
        home_volume: format!("{name}-home"),
        cpu_millis: Some(1000),
        memory: Some(512 << 20),
        pids: Some(64),
        stop_timeout_seconds: 5,
    }
}

async fn surroundings(engine: &dyn Engine, spec: &ContainerSpec) {
    for _ in 0..2 {
        engine.ensure_network(&spec.network).await.unwrap();
        engine
            .ensure_volume(&spec.home_volume, &spec.labels)
            .await
            .unwrap();
    }
}

/// The one container of the agent.
async fn seen(engine: &dyn Engine) -> Container {
    let mut found = engine.find("default", "ada").await.unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

async fn clean_up(engine: &dyn Engine, spec: &ContainerSpec) {
    for container in engine.list().await.unwrap() {
        engine.remove(&container.id).await.unwrap();
    }
    for _ in 0..2 {
        engine.remove_volume(&spec.home_volume).await.unwrap();
        engine.remove_network(&spec.network).await.unwrap();
    }
    assert_eq!(engine.list().await.unwrap(), []);
}

#[tokio::test]
async fn a_container_lives_and_every_step_may_be_repeated() {
    for (engine, image, unique) in engines("life") {
        let spec = spec(&unique, &image);
        surroundings(&*engine, &spec).await;
        assert_eq!(engine.list().await.unwrap(), []);
        let id = engine.create(&spec).await.unwrap();
        assert_eq!(
            engine.create(&spec).await.unwrap(),
            id,
            "the same is not made twice"
        );
        let created = engine.find("default", "ada").await.unwrap();
        assert_eq!(created.len(), 1);
        assert_eq!(
            (created[0].phase, &created[0].id),
            (ContainerPhase::Created, &id)
        );
        assert_eq!(
            (created[0].exit_code, &created[0].started_at),
            (None, &None)
        );
        assert!(
            spec.labels
                .iter()
                .all(|(k, v)| created[0].labels.get(k) == Some(v))
        );

        engine.start(&id).await.unwrap();
        engine.start(&id).await.unwrap();
        let running = seen(&*engine).await;
        assert_eq!(running.phase, ContainerPhase::Running);
        let listed = Listed {
            id: id.clone(),
            labels: running.labels.clone(),
            running: true,
        };
        assert_eq!(engine.list().await.unwrap(), [listed]);
        for (namespace, name) in [("default", "sam"), ("other", "ada")] {
            assert_eq!(engine.find(namespace, name).await.unwrap(), []);
        }
        assert!(running.started_at.is_some());

        engine.stop(&id, 5).await.unwrap();
        engine.stop(&id, 5).await.unwrap();
        let ended = seen(&*engine).await;
        assert_eq!(
            (ended.phase, ended.exit_code),
            (ContainerPhase::Exited, Some(0))
        );
        assert!(ended.finished_at.is_some());
        assert!(!engine.list().await.unwrap()[0].running);

        engine.start(&id).await.unwrap();
        let again = seen(&*engine).await;
        assert_ne!(
            again.started_at, running.started_at,
            "two runs can be told apart"
        );
        engine.remove(&id).await.unwrap();
        engine.remove(&id).await.unwrap();
        clean_up(&*engine, &spec).await;
    }
}

#[tokio::test]
async fn what_is_missing_or_taken_is_named() {
    for (engine, image, unique) in engines("names") {
        let spec = spec(&unique, &image);
        surroundings(&*engine, &spec).await;
        let absent = "localhost/no-such-image:none";
        assert_eq!(engine.image_id(absent).await.unwrap(), None);
        assert!(engine.image_id(&image).await.unwrap().is_some());
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
        clean_up(&*engine, &spec).await;
    }
}

#[tokio::test]
async fn deliveries_go_in_and_reports_come_out() {
    for (engine, image, unique) in engines("delivery") {
        let spec = spec(&unique, &image);
        surroundings(&*engine, &spec).await;
        let id = engine.create(&spec).await.unwrap();
        let file = |dir, path: &str, contents: Vec<u8>| DeliveredFile {
            dir,
            path: path.into(),
            contents,
        };
        let config = serde_json::to_vec(&AgentConfig::default()).unwrap();
        let delivery = Delivery {
            generation: 1,
            files: vec![
                file(DeliveryDir::Config, "agent.json", config),
                file(DeliveryDir::Config, "mission.md", vec![b'x'; 300_000]),
                file(DeliveryDir::Secrets, "api-key", b"planted-secret".to_vec()),
            ],
        };
        assert!(
            engine.deliver(&id, &delivery).await.is_err(),
            "into a container that does not run"
        );
        engine.start(&id).await.unwrap();
        engine.deliver(&id, &delivery).await.unwrap();
        let mut states = timeout(DEADLINE, async {
            loop {
                if let Ok(mut states) = engine.report(&id).await
                    && let Some(state) = states.next().await
                {
                    assert!(
                        matches!(
                            state.phase,
                            Phase::Starting | Phase::Running | Phase::BackOff
                        ),
                        "{state:?}"
                    );
                    return states;
                }
            }
        })
        .await
        .unwrap();
        engine.stop(&id, 5).await.unwrap();
        let end = timeout(DEADLINE, async { while states.next().await.is_some() {} }).await;
        assert!(end.is_ok(), "the report ends with the container");
        clean_up(&*engine, &spec).await;
    }
}

#[tokio::test]
async fn events_tell_of_a_container_that_ends() {
    for (engine, image, unique) in engines("events") {
        let spec = spec(&unique, &image);
        surroundings(&*engine, &spec).await;
        let id = engine.create(&spec).await.unwrap();
        engine.start(&id).await.unwrap();
        let mut events = engine.events().await.unwrap();
        let heard = async {
            while let Some(event) = events.next().await {
                assert_eq!(
                    (event.namespace.as_str(), event.name.as_str()),
                    ("default", "ada")
                );
                if event.action == "die" {
                    return;
                }
            }
            panic!("the events ended");
        };
        // Podman subscribes a moment after it was asked to; ending is repeated until it is heard.
        let ends = async {
            loop {
                engine.stop(&id, 1).await.unwrap();
                engine.start(&id).await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        let outcome = timeout(DEADLINE, async {
            tokio::select! { () = heard => (), () = ends => () }
        });
        outcome.await.expect("no event of the end");
        clean_up(&*engine, &spec).await;
    }
}

#[tokio::test]
async fn swarms_do_not_see_each_other() {
    let Ok(socket) = env::var("AGENTCHAT_E2E_SOCKET") else {
        assert!(env::var_os("CI").is_none(), "run `cargo xtask test`");
        return eprintln!("needs Podman; `cargo xtask test` has one");
    };
    let image = env::var("AGENTCHAT_E2E_IMAGE").unwrap();
    let unique = format!("contract-swarms-{}", std::process::id());
    let one = Podman::connect(Path::new(&socket), format!("{unique}-1")).unwrap();
    let two = Podman::connect(Path::new(&socket), format!("{unique}-2")).unwrap();
    let spec = spec(&unique, &image);
    surroundings(&one, &spec).await;
    let id = one.create(&spec).await.unwrap();
    assert_eq!(two.list().await.unwrap(), []);
    assert!(matches!(
        two.start(&id).await,
        Err(EngineError::ContainerNotFound(_))
    ));
    two.remove(&id).await.unwrap();
    two.remove_volume(&spec.home_volume).await.unwrap();
    assert!(matches!(
        two.create(&spec).await,
        Err(EngineError::NameTaken(_))
    ));
    assert_eq!(
        one.list().await.unwrap().len(),
        1,
        "the other swarm removed it"
    );
    clean_up(&one, &spec).await;
}

#[tokio::test]
async fn an_engine_that_does_not_answer_is_unknown_not_empty() {
    let fake = FakeEngine::new("s", &[]);
    fake.set_unreachable(true);
    assert!(matches!(
        fake.list().await,
        Err(EngineError::Unreachable { .. })
    ));
    let dir = tempfile::tempdir().unwrap();
    let error = Podman::connect(&dir.path().join("none.sock"), "s".into())
        .err()
        .unwrap();
    assert!(error.to_string().contains("cargo xtask setup"), "{error}");
}
