//! What goes into a container and what comes out of it: archives, deliveries, reports, events.

use std::time::Duration;

use agentchat_contract::{AgentConfig, DeliveredFile, Delivery, DeliveryDir, Phase, UsageLedger};
use agentchat_driver::{AGENT_RECEIVER, Bounded, ContainerPhase, Deadlines, Engine, EngineError};
use bytes::Bytes;
use futures::StreamExt;
use tokio::time::{Instant, timeout};

use crate::{DEADLINE, engines, output_of, podman};

fn delivery() -> Delivery {
    let file = |dir, path: &str, contents: Vec<u8>| DeliveredFile {
        dir,
        path: path.into(),
        contents,
    };
    let config = serde_json::to_vec(&AgentConfig::default()).unwrap();
    let usage = serde_json::to_vec(&UsageLedger::default()).unwrap();
    Delivery {
        generation: 1,
        files: vec![
            file(DeliveryDir::Config, "agent.json", config),
            file(DeliveryDir::Config, "usage.json", usage),
            file(DeliveryDir::Config, "mission.md", vec![b'x'; 300_000]),
            file(DeliveryDir::Secrets, "api-key", b"planted-secret".to_vec()),
        ],
    }
}

#[tokio::test]
async fn deliveries_go_in_and_reports_come_out() {
    for swarm in engines("delivery") {
        let engine = &swarm.engine;
        let id = swarm.create(&swarm.spec()).await;
        let delivery = delivery();
        let early = engine.deliver(&id, AGENT_RECEIVER, &delivery).await;
        assert!(early.is_err(), "into a container that does not run");
        engine.start(&id).await.unwrap();
        let delivered = engine.deliver(&id, AGENT_RECEIVER, &delivery).await;
        delivered.unwrap();
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
    }
}

#[tokio::test]
async fn receiver_of_any_image_is_run_as_root_and_its_failure_is_named() {
    let Some(swarm) = podman("receiver") else {
        return;
    };
    let id = swarm.create(&swarm.spec()).await;
    swarm.engine.start(&id).await.unwrap();
    let delivery = delivery();
    let receiver = [
        "/bin/sh",
        "-c",
        "id -u > /etc/agent/who; id -g >> /etc/agent/who; wc -c > /etc/agent/size",
    ];
    let delivered = swarm.engine.deliver(&id, &receiver, &delivery).await;
    delivered.unwrap();
    assert_eq!(output_of(&id, &["cat", "/etc/agent/who"]).await, "0\n0");
    let bytes = agentchat_contract::encode_delivery(&delivery).len();
    assert_eq!(
        output_of(&id, &["cat", "/etc/agent/size"]).await,
        bytes.to_string()
    );
    let receiver = ["/bin/sh", "-c", "echo no room >&2; exit 3"];
    let error = swarm.engine.deliver(&id, &receiver, &delivery).await;
    let error = error.unwrap_err();
    assert!(
        matches!(&error, EngineError::Exec { code: 3, output, .. } if output.starts_with("no room")),
        "{error:?}"
    );
    assert!(error.to_string().contains("/bin/sh -c"), "{error}");
}

#[tokio::test]
async fn container_whose_receiver_hangs_can_be_stopped_and_removed() {
    let Some(swarm) = podman("hang") else {
        return;
    };
    let deadlines = Deadlines {
        deliver: Duration::from_secs(1),
        ..Deadlines::default()
    };
    let engine = Bounded::new(swarm.engine.clone(), deadlines);
    let id = swarm.create(&swarm.spec()).await;
    engine.start(&id).await.unwrap();
    let begin = Instant::now();
    let receiver = ["/bin/sleep", "1000"];
    let error = engine.deliver(&id, &receiver, &delivery()).await;
    assert!(
        matches!(error, Err(EngineError::TimedOut { seconds: 1, .. })),
        "{error:?}"
    );
    assert!(begin.elapsed() < Duration::from_secs(20));
    engine.stop(&id, 5).await.unwrap();
    assert_eq!(swarm.ada().await.phase, ContainerPhase::Exited);
    engine.remove(&id).await.unwrap();
    assert_eq!(engine.list().await.unwrap(), []);
}

/// A folder with a file, of user 1234 and group 4321.
fn archive() -> Bytes {
    let mut archive = tar::Builder::new(vec![]);
    for (path, kind, mode, contents) in [
        ("kept/", tar::EntryType::Directory, 0o755, ""),
        ("kept/note", tar::EntryType::Regular, 0o640, "taken along"),
    ] {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(kind);
        header.set_size(contents.len() as u64);
        header.set_mode(mode);
        header.set_uid(1234);
        header.set_gid(4321);
        let added = archive.append_data(&mut header, path, contents.as_bytes());
        added.unwrap();
    }
    archive.into_inner().unwrap().into()
}

#[tokio::test]
async fn archive_is_unpacked_into_a_container_until_it_is_started() {
    for swarm in engines("import") {
        let engine = &swarm.engine;
        let id = swarm.create(&swarm.spec()).await;
        let refused = async |path: &str| {
            let error = engine.import(&id, path, archive()).await;
            matches!(error, Err(EngineError::Refused { .. }))
        };
        engine.import(&id, "/home/agent", archive()).await.unwrap();
        assert!(refused("home/agent").await, "a path that is not absolute");
        engine.start(&id).await.unwrap();
        assert!(refused("/home/agent").await, "it runs");
        engine.stop(&id, 5).await.unwrap();
        assert!(refused("/home/agent").await, "it has run");
    }
}

#[tokio::test]
async fn imported_archive_is_in_the_volume_with_its_owners_and_modes() {
    let Some(swarm) = podman("imported") else {
        return;
    };
    let mut spec = swarm.spec();
    spec.volume.as_mut().unwrap().path = "/srv/data".to_owned();
    let id = swarm.create(&spec).await;
    let error = swarm.engine.import(&id, "/srv/none", archive()).await;
    assert!(
        matches!(error, Err(EngineError::Refused { .. })),
        "a path that does not exist: {error:?}"
    );
    let imported = swarm.engine.import(&id, "/srv/data", archive()).await;
    imported.unwrap();
    swarm.engine.start(&id).await.unwrap();
    let stat = ["stat", "--format=%u %g %a %s", "/srv/data/kept/note"];
    assert_eq!(output_of(&id, &stat).await, "1234 4321 640 11");
    swarm.engine.remove(&id).await.unwrap();
    // It is the volume's, and so outlives the container.
    let id = swarm.create(&spec).await;
    swarm.engine.start(&id).await.unwrap();
    assert_eq!(output_of(&id, &stat).await, "1234 4321 640 11");
}

#[tokio::test]
async fn events_carry_all_labels_of_a_container_that_ends() {
    for swarm in engines("events") {
        let engine = &swarm.engine;
        let id = swarm.create(&swarm.spec()).await;
        let labels = engine.start(&id).await.unwrap().labels;
        let mut events = engine.events().await.unwrap();
        let die = async {
            while let Some(event) = events.next().await {
                let mut labels = labels.iter();
                let all = labels.all(|(k, v)| event.labels.get(k) == Some(v));
                assert!(all, "{event:?}");
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
            tokio::select! { () = die => (), () = ends => () }
        });
        outcome.await.expect("no event of the end");
    }
}
