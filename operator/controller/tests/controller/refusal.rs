//! What the API refuses for good: the object says so, and goes on when it has changed.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use agentchat_api::Agent;
use http::{Method, Request, Response, StatusCode};
use k8s_openapi::api::core::v1::Event;
use kube::{Client, api::ListParams, client::Body};
use serde_json::json;
use tower::service_fn;

use crate::{Swarm, swarm::node_condition, wait::until};

/// An API that lets nobody make Secrets as long as `refuses` says so.
#[derive(Clone, Default)]
struct NoSecrets {
    refuses: Arc<AtomicBool>,
}

impl NoSecrets {
    fn client(&self, client: Client) -> Client {
        let rule = self.clone();
        let service = service_fn(move |request: Request<Body>| {
            let (rule, client) = (rule.clone(), client.clone());
            async move {
                let makes =
                    request.method() != Method::GET && request.uri().path().contains("/secrets");
                if makes && rule.refuses.load(Ordering::SeqCst) {
                    return Ok(forbidden());
                }
                client.send(request).await
            }
        });
        Client::new(service, "default")
    }
}

fn forbidden() -> Response<Body> {
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 403,
        "reason": "Forbidden", "message": "secrets is forbidden: the operator may not make them"});
    let mut answer = Response::new(Body::from(status.to_string().into_bytes()));
    *answer.status_mut() = StatusCode::FORBIDDEN;
    answer
}

/// Waits until an Event tells of the refusal; it is published after the condition.
async fn event_tells(swarm: &Swarm, kind: &str) {
    let events = swarm.api::<Event>();
    until("an event tells of it", async || {
        let all = events.list(&ListParams::default()).await.unwrap().items;
        let about = |e: &&Event| e.involved_object.kind.as_deref() == Some(kind);
        let mut about = all.iter().filter(about);
        about
            .any(|e| e.reason.as_deref() == Some("ApiRefused"))
            .then_some(())
            .ok_or(all.clone())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusal_stands_on_the_object_until_it_changes() {
    let (mut swarm, _chat) = Swarm::ready().await;
    let rule = NoSecrets::default();
    rule.refuses.store(true, Ordering::SeqCst);
    swarm.stop_operator().await;
    swarm.start_operator_as(rule.client(swarm.client.clone()));
    swarm.agent("ada", json!({})).await;
    let message = swarm.lacks("ada", "Ready", "ApiRefused").await;
    assert!(message.contains("may not make them"), "{message}");
    event_tells(&swarm, "Agent").await;
    rule.refuses.store(false, Ordering::SeqCst);
    swarm.change("ada", json!({"mission": "y"})).await;
    swarm.listens("ada").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusal_stands_on_a_node_too() {
    let mut swarm = Swarm::empty().await;
    let rule = NoSecrets::default();
    rule.refuses.store(true, Ordering::SeqCst);
    swarm.stop_operator().await;
    swarm.start_operator_as(rule.client(swarm.client.clone()));
    let server = json!({"endpoint": "wss://127.0.0.1:1"});
    swarm
        .node("other", json!({"role": "Server", "server": server}))
        .await;
    let refused = |n: &_| node_condition(n, "Ready").is_some_and(|c| c.reason == "ApiRefused");
    swarm.node_until("other", "refused", refused).await;
    event_tells(&swarm, "Node").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusal_keeps_what_the_other_conditions_say() {
    let (mut swarm, _chat) = Swarm::ready().await;
    swarm.agent("ada", json!({})).await;
    swarm.listens("ada").await;
    let rule = NoSecrets::default();
    swarm.stop_operator().await;
    swarm.start_operator_as(rule.client(swarm.client.clone()));
    swarm.listens("ada").await;
    rule.refuses.store(true, Ordering::SeqCst);
    let secrets = swarm.api::<k8s_openapi::api::core::v1::Secret>();
    secrets
        .delete("ada-identity", &kube::api::DeleteParams::default())
        .await
        .unwrap();
    swarm.lacks("ada", "Ready", "ApiRefused").await;
    let ada: Agent = swarm.api().get("ada").await.unwrap();
    let conditions = ada.status.unwrap().conditions;
    assert!(
        conditions.iter().any(|c| c.type_ == "ContainerRunning"),
        "{conditions:?}"
    );
}
