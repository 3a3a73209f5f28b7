//! The chat server as a container of its Node.

use std::fs;

use agentchat_driver::{Container, ContainerPhase, FakeEngine, labels};
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::{
    Swarm,
    swarm::{SERVER_IMAGE, node_condition},
    wait::until,
};

/// The chat servers' containers.
fn servers(engine: &FakeEngine) -> Vec<Container> {
    let mut all = engine.containers();
    all.retain(|c| {
        c.labels.get(labels::COMPONENT).map(String::as_str) == Some(labels::CHAT_SERVER)
    });
    all
}

/// Waits until the only chat server runs and was given its configuration as often as it was started.
async fn serves(swarm: &Swarm, starts: usize) -> Container {
    until("the chat server runs", async || {
        let all = servers(&swarm.engine);
        let given = swarm.engine.deliveries();
        match &all[..] {
            [one]
                if one.phase == ContainerPhase::Running
                    && given.iter().filter(|(id, _)| *id == one.id).count() == starts =>
            {
                Ok(one.clone())
            }
            _ => Err(all),
        }
    })
    .await
}

async fn change(swarm: &Swarm, spec: Value) {
    let patch = Patch::Merge(json!({ "spec": spec }));
    let nodes = swarm.nodes();
    nodes
        .patch("server-1", &PatchParams::default(), &patch)
        .await
        .unwrap();
}

async fn with_server(server: Value) -> Swarm {
    let swarm = Swarm::empty().await;
    swarm
        .node("server-1", json!({"role": "Server", "server": server}))
        .await;
    swarm
}

#[tokio::test(flavor = "multi_thread")]
async fn server_runs_on_the_swarms_network_and_is_published_on_loopback_alone() {
    for profile in ["private", "public"] {
        let swarm = with_server(json!({"port": 7001, "profile": profile})).await;
        serves(&swarm, 1).await;
        let spec = swarm.engine.specs().pop().unwrap();
        assert_eq!(spec.image, SERVER_IMAGE);
        assert_eq!(spec.network, "agentchat");
        assert_eq!(spec.aliases, ["agentchat-server-server-1"]);
        let published: Vec<_> = spec.ports.iter().map(|p| p.host.to_string()).collect();
        assert_eq!(published, ["127.0.0.1:7001"], "{profile}");
        let (_, delivery) = swarm.engine.deliveries().pop().unwrap();
        let paths: Vec<_> = delivery.files.iter().map(|f| f.path.as_str()).collect();
        assert_eq!(paths, ["server.yaml", "tls.crt", "tls.key", "admin.key"]);
        let secret = &delivery.files[3].contents;
        let secret = String::from_utf8(secret.clone()).unwrap();
        assert!(
            !format!("{spec:?}").contains(&secret),
            "a secret shows in inspect"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn server_with_advertised_names_is_published_for_others() {
    let swarm = with_server(json!({"advertise": ["chat.example.com"]})).await;
    serves(&swarm, 1).await;
    let spec = swarm.engine.specs().pop().unwrap();
    assert_eq!(spec.ports[0].host.to_string(), "0.0.0.0:6667");
    let node = swarm
        .node_until("server-1", "published", |n| {
            n.status.as_ref().is_some_and(|s| !s.endpoints.is_empty())
        })
        .await;
    let urls: Vec<_> = node
        .status
        .unwrap()
        .endpoints
        .into_iter()
        .map(|e| e.url)
        .collect();
    assert!(
        urls.contains(&"wss://chat.example.com:6667".to_owned()),
        "{urls:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_server_is_started_again_and_given_its_secrets_anew() {
    let swarm = with_server(json!({})).await;
    let before = serves(&swarm, 1).await;
    swarm.engine.end(&before.id, 137);
    let after = serves(&swarm, 2).await;
    assert_eq!(after.id, before.id);
    swarm
        .node_until("server-1", "counted", |n| {
            n.status.as_ref().and_then(|s| s.server_restarts) == Some(1)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_settings_replace_the_container_and_keep_its_data() {
    let swarm = with_server(json!({"port": 7002})).await;
    let before = serves(&swarm, 1).await;
    change(&swarm, json!({"server": {"port": 7003}})).await;
    until("another container", async || {
        let all = servers(&swarm.engine);
        if all.len() == 1 && all[0].id != before.id {
            Ok(())
        } else {
            Err(all)
        }
    })
    .await;
    let specs = swarm.engine.specs();
    assert_eq!(specs[0].volume, specs[1].volume);
    assert!(specs[0].volume.is_some());
    let calls = swarm.engine.calls();
    let at = |call: &str| {
        calls
            .iter()
            .position(|c| *c == format!("{call} {}", before.id))
    };
    assert!(at("stop").unwrap() < at("remove").unwrap(), "{calls:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn new_certificate_is_delivered_into_the_server_that_runs() {
    let swarm = with_server(json!({})).await;
    let before = serves(&swarm, 1).await;
    let secrets = kube::Api::<k8s_openapi::api::core::v1::Secret>::namespaced(
        swarm.client.clone(),
        "agentchat-system",
    );
    let gone = DeleteParams::default();
    secrets.delete("server-1-chat-tls", &gone).await.unwrap();
    let after = serves(&swarm, 2).await;
    assert_eq!((after.id, after.started_at), (before.id, before.started_at));
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_image_is_named_in_the_condition() {
    let swarm = with_server(json!({"image": "no-such-image"})).await;
    let node = swarm
        .node_until("server-1", "image missing", |n| {
            node_condition(n, "ServerReady").is_some_and(|c| c.reason == "ImageNotFound")
        })
        .await;
    let message = node_condition(&node, "ServerReady").unwrap().message;
    assert!(message.contains("no-such-image"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_node_takes_its_server_and_its_data_along() {
    let swarm = with_server(json!({})).await;
    serves(&swarm, 1).await;
    let nodes = swarm.nodes();
    nodes
        .delete("server-1", &DeleteParams::default())
        .await
        .unwrap();
    until("the node is gone", async || {
        match nodes.get_opt("server-1").await.unwrap() {
            None => Ok(()),
            Some(node) => Err(node.status),
        }
    })
    .await;
    assert_eq!(swarm.engine.containers(), []);
    assert_eq!(swarm.engine.networks_and_volumes(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn data_of_an_earlier_release_is_taken_along_once() {
    let swarm = Swarm::empty().await;
    let data = swarm.earlier_chat_data.join("server-1/data");
    fs::create_dir_all(&data).unwrap();
    fs::write(data.join("chat.db"), "history").unwrap();
    swarm.node("server-1", json!({"role": "Server"})).await;
    serves(&swarm, 1).await;
    let imports = swarm.engine.imports();
    assert_eq!(imports.len(), 1);
    let (_, path, archive) = &imports[0];
    assert_eq!(path, "/var/lib/agentchat");
    let found = archive.windows(7).any(|window| window == b"history");
    assert!(found, "the database is not in the archive");
    assert!(!data.exists() && data.with_extension("moved").join("chat.db").exists());
    change(&swarm, json!({"server": {"port": 7004}})).await;
    until("another container", async || {
        let made = swarm.count("create");
        if made == 2 { Ok(()) } else { Err(made) }
    })
    .await;
    assert_eq!(swarm.engine.imports().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn scripted_model_comes_and_goes_with_its_annotation() {
    let swarm = with_server(json!({})).await;
    serves(&swarm, 1).await;
    let (nodes, key) = (swarm.nodes(), agentchat_api::SCRIPTED_MODEL_ANNOTATION);
    let models = || {
        let mut all = swarm.engine.containers();
        let is = |c: &Container| {
            c.labels
                .get(labels::COMPONENT)
                .is_some_and(|l| l == labels::SCRIPTED_MODEL)
        };
        all.retain(|c| is(c) && c.phase == ContainerPhase::Running);
        all.len()
    };
    swarm.annotate(&nodes, "server-1", key, SERVER_IMAGE).await;
    until("the model runs", async || {
        if models() == 1 { Ok(()) } else { Err(()) }
    })
    .await;
    let spec = swarm.engine.specs().pop().unwrap();
    assert_eq!(
        (spec.ports.len(), spec.aliases),
        (0, vec!["agentchat-model".to_owned()])
    );
    let patch = Patch::Merge(json!({"metadata": {"annotations": {key: null}}}));
    nodes
        .patch("server-1", &PatchParams::default(), &patch)
        .await
        .unwrap();
    until("the model is gone", async || {
        if models() == 0 { Ok(()) } else { Err(()) }
    })
    .await;
    assert_eq!(servers(&swarm.engine).len(), 1);
}
