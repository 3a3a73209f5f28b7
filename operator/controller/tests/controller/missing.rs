//! Something that an agent needs is not there: it says what and how to get it, waits, and goes on by itself.

use serde_json::json;

use crate::{
    Swarm,
    swarm::{CREDENTIAL, IMAGE},
};

#[tokio::test(flavor = "multi_thread")]
async fn agent_without_anything_waits_for_each_thing_in_turn() {
    let swarm = Swarm::empty().await;
    swarm.engine.set_images(&[]);
    swarm.agent("ada", json!({})).await;
    swarm.lacks("ada", "Scheduled", "NoNode").await;
    swarm.node("client-1", json!({"role": "Client"})).await;
    swarm.lacks("ada", "ChatConnected", "ServerNotFound").await;
    let _chat = swarm.chat_server("server-1").await;
    let message = swarm.lacks("ada", "SecretsReady", "SecretNotFound").await;
    assert!(message.contains("claude"), "{message}");
    swarm.credential(CREDENTIAL).await;
    let message = swarm.lacks("ada", "ImageReady", "ImageNotFound").await;
    assert!(message.contains("cargo xtask image"), "{message}");
    assert_eq!(swarm.count("create"), 0);
    swarm.engine.set_images(&[IMAGE]);
    swarm.listens("ada").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_part_of_the_personality_is_named() {
    let (swarm, _chat) = Swarm::ready().await;
    let part = json!({"configMapRef": {"name": "wisdom", "key": "text"}});
    swarm.agent("ada", json!({"personality": [part]})).await;
    let message = swarm.lacks("ada", "Ready", "ConfigMapNotFound").await;
    assert!(
        message.contains("personality[0]") && message.contains("\"wisdom\""),
        "{message}"
    );
    assert_eq!(swarm.count("create"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn placement_that_becomes_impossible_ends_nothing() {
    let (swarm, _chat) = Swarm::ready().await;
    swarm.agent("ada", json!({})).await;
    let before = swarm.runs("ada").await;
    swarm.listens("ada").await;
    swarm
        .change("ada", json!({"placement": {"nodeName": "elsewhere"}}))
        .await;
    swarm.lacks("ada", "Scheduled", "NodeNotFound").await;
    assert_eq!(swarm.runs("ada").await.id, before.id);
    assert_eq!(swarm.count("stop") + swarm.count("remove"), 0);
}
