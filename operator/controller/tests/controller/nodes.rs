//! A Node's life, as people see it.

use kube::api::DeleteParams;
use serde_json::json;

use crate::{
    Swarm,
    swarm::{create, node_condition, object},
    wait::until,
};

#[tokio::test(flavor = "multi_thread")]
async fn deleted_node_waits_for_its_agents() {
    let (swarm, _chat) = Swarm::ready().await;
    swarm.agent("ada", json!({})).await;
    swarm.listens("ada").await;
    let nodes = swarm.nodes();
    for name in ["client-1", "server-1"] {
        nodes.delete(name, &DeleteParams::default()).await.unwrap();
        let node = swarm
            .node_until(name, "draining", |n| {
                node_condition(n, "Ready").is_some_and(|c| c.reason == "Draining")
            })
            .await;
        let message = node_condition(&node, "Ready").unwrap().message;
        assert!(message.starts_with("1 "), "{message}");
    }
    swarm.delete("ada").await;
    until("both nodes go", async || {
        let left = nodes.list(&Default::default()).await.unwrap().items;
        if left.is_empty() { Ok(()) } else { Err(left) }
    })
    .await;
    assert_eq!(swarm.engine.networks_and_volumes(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_deleted_together_leave_no_network() {
    let (swarm, _chat) = Swarm::ready().await;
    swarm.agent("ada", json!({})).await;
    swarm.listens("ada").await;
    swarm.delete("ada").await;
    until("ada's container is gone", async || {
        let left = swarm.containers("ada");
        if left.is_empty() { Ok(()) } else { Err(left) }
    })
    .await;
    assert!(!swarm.engine.networks_and_volumes().is_empty());
    let nodes = swarm.nodes();
    let gone = DeleteParams::default();
    let (one, two) = tokio::join!(
        nodes.delete("client-1", &gone),
        nodes.delete("server-1", &gone)
    );
    one.unwrap();
    two.unwrap();
    until("both nodes go", async || {
        let left = nodes.list(&Default::default()).await.unwrap().items;
        if left.is_empty() { Ok(()) } else { Err(left) }
    })
    .await;
    assert_eq!(swarm.engine.networks_and_volumes(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn unsupported_machine_is_named_in_the_condition() {
    let swarm = Swarm::empty().await;
    let spec = json!({"role": "Client", "machine": {"lima": {}}});
    create(
        &swarm.nodes(),
        &object("agentchat.dev/v1alpha1", "Node", "far", spec),
    )
    .await;
    let node = swarm
        .node_until("far", "refused", |n| {
            node_condition(n, "Ready").is_some_and(|c| c.reason == "MachineUnsupported")
        })
        .await;
    let message = node_condition(&node, "Ready").unwrap().message;
    assert!(message.contains("local"), "{message}");
}
