//! Objects that can't be read as what they say to be.

use agentchat_api::{Agent, AgentPhase, Node};
use k8s_openapi::api::core::v1::Event;
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, DynamicObject, PostParams},
};
use serde_json::json;

use crate::{Swarm, wait::until};

/// Definitions as an earlier or a later release may have left them: they admit what this one can't read.
fn looser_definitions() -> Vec<String> {
    let definitions = agentchat_api::crds().unwrap();
    let loosen = |yaml: String| {
        let mut value: serde_json::Value = serde_yaml::from_str(&yaml).unwrap();
        let schema = "/spec/versions/0/schema/openAPIV3Schema/properties/spec";
        let spec = value.pointer_mut(schema).unwrap();
        *spec = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        serde_yaml::to_string(&value).unwrap()
    };
    definitions
        .into_iter()
        .map(|(_, yaml)| loosen(yaml))
        .collect()
}

async fn create(
    swarm: &Swarm,
    kind: &str,
    name: &str,
    spec: serde_json::Value,
) -> Api<DynamicObject> {
    let plural = format!("{}s", kind.to_lowercase());
    let gvk = kube::api::GroupVersionKind::gvk("agentchat.dev", "v1alpha1", kind);
    let resource = kube::api::ApiResource::from_gvk_with_plural(&gvk, &plural);
    let api = match kind {
        "Node" => Api::all_with(swarm.client.clone(), &resource),
        _ => Api::default_namespaced_with(swarm.client.clone(), &resource),
    };
    let object = DynamicObject::new(name, &resource).data(json!({ "spec": spec }));
    api.create(&PostParams::default(), &object).await.unwrap();
    api
}

#[tokio::test(flavor = "multi_thread")]
async fn object_that_can_not_be_read_gets_a_condition_and_stops_no_other() {
    let swarm = Swarm::with_crds(looser_definitions()).await;
    swarm.credential("k").await;
    let port = json!({"role": "Server", "machine": {"local": {}}, "server": {"port": "many"}});
    let nodes = create(&swarm, "Node", "bad", port).await;
    let agents = create(
        &swarm,
        "Agent",
        "bad",
        json!({"mission": ["not", "a", "text"]}),
    )
    .await;
    for api in [&nodes, &agents] {
        let message = until("the condition", async || {
            let object = api.get("bad").await.unwrap();
            let ready = object.data.pointer("/status/conditions/0").cloned();
            match ready {
                Some(ready) if ready["reason"] == "InvalidObject" => Ok(ready["message"].clone()),
                other => Err(other),
            }
        })
        .await;
        let says = "the stored object can't be read";
        assert!(message.as_str().unwrap().starts_with(says), "{message}");
    }
    let events = swarm.api::<Event>();
    until("an event about each", async || {
        let all = events.list(&Default::default()).await.unwrap().items;
        let about = |kind: &str| {
            all.iter().any(|e| {
                e.involved_object.kind.as_deref() == Some(kind)
                    && e.reason.as_deref() == Some("InvalidObject")
            })
        };
        if about("Node") && about("Agent") {
            Ok(())
        } else {
            Err(all)
        }
    })
    .await;
    swarm.node("client-1", json!({"role": "Client"})).await;
    let _chat = swarm.chat_server("server-1").await;
    swarm
        .agent("ada", json!({"chat": {"serverRef": {"name": "server-1"}}}))
        .await;
    let ada = swarm.listens("ada").await;
    assert_eq!(ada.status.unwrap().phase, Some(AgentPhase::Listening));
}

#[tokio::test(flavor = "multi_thread")]
async fn object_that_became_unreadable_can_be_deleted() {
    let swarm = Swarm::with_crds(looser_definitions()).await;
    swarm.node("client-1", json!({"role": "Client"})).await;
    swarm.agent("ada", json!({})).await;
    swarm
        .agent_until("ada", "has a finalizer", |a| !a.finalizers().is_empty())
        .await;
    let patch = kube::api::Patch::Merge(json!({"spec": {"mission": 7}}));
    let api = swarm.api::<Agent>();
    // The answer can't be read either.
    drop(api.patch("ada", &Default::default(), &patch).await);
    let gone = DeleteParams::default();
    drop(api.delete("ada", &gone).await);
    until("ada is gone", async || {
        match api.get_metadata_opt("ada").await.unwrap() {
            None => Ok(()),
            Some(left) => Err(left.metadata),
        }
    })
    .await;
    let nodes: Api<Node> = swarm.nodes();
    nodes.delete("client-1", &gone).await.unwrap();
}
