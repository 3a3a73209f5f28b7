//! What is delivered into a container that runs, and an image that does not take it.

use agentchat_api::{Agent, AgentPhase};
use agentchat_contract::{AgentConfig, exit};
use agentchat_driver::ContainerPhase;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, api::DeleteParams};
use serde_json::json;

use crate::{Swarm, wait::until};

impl Swarm {
    /// Waits until a file was delivered with such contents.
    async fn delivered_until(&self, name: &str, path: &str, is: impl Fn(&[u8]) -> bool) {
        until(&format!("{path} is delivered"), async || {
            let contents = self.delivered(name, path);
            match contents {
                Some(contents) if is(&contents) => Ok(()),
                other => Err(other),
            }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_channels_are_delivered_into_the_container_that_runs() {
    let (swarm, _chat) = Swarm::ready().await;
    swarm.agent("ada", json!({})).await;
    let before = swarm.runs("ada").await;
    swarm.listens("ada").await;
    swarm
        .change(
            "ada",
            json!({"chat": {"channels": ["#general", "#reviews"]}}),
        )
        .await;
    let has_both = |contents: &[u8]| {
        let config: AgentConfig = serde_json::from_slice(contents).unwrap();
        config.chat.channels == ["#general", "#reviews"]
    };
    swarm.delivered_until("ada", "agent.json", has_both).await;
    swarm.phase("ada", AgentPhase::Listening).await;
    let after = swarm.runs("ada").await;
    assert_eq!((after.id, after.started_at), (before.id, before.started_at));
}

#[tokio::test(flavor = "multi_thread")]
async fn new_ca_is_delivered_into_the_container_that_runs() {
    let (swarm, _chat) = Swarm::ready().await;
    swarm.agent("ada", json!({})).await;
    let before = swarm.runs("ada").await;
    swarm.listens("ada").await;
    let system = Api::<Secret>::namespaced(swarm.client.clone(), "agentchat-system");
    let gone = DeleteParams::default();
    system.delete("server-1-chat-ca", &gone).await.unwrap();
    let old = swarm.delivered("ada", "ca.pem").unwrap();
    swarm
        .delivered_until("ada", "ca.pem", |new| new != old)
        .await;
    let after = swarm.runs("ada").await;
    assert_eq!((after.id, after.started_at), (before.id, before.started_at));
}

#[tokio::test(flavor = "multi_thread")]
async fn credential_rotated_ahead_of_time_gets_a_run_that_ends_with_the_old_one_started_again() {
    let (swarm, _chat) = Swarm::ready().await;
    swarm.agent("ada", json!({})).await;
    let container = swarm.runs("ada").await;
    swarm.listens("ada").await;
    swarm.credential("the-next-one").await;
    let is_new = |contents: &[u8]| contents == b"the-next-one";
    swarm.delivered_until("ada", "api-key", is_new).await;
    swarm.phase("ada", AgentPhase::Listening).await;
    // What runs still had the old one, which the model refuses by now.
    let refused = exit::AUTHENTICATION_REFUSED.into();
    swarm.engine.end(&container.id, refused);
    swarm.listens("ada").await;
    assert_eq!(swarm.count("start"), 2);
    // This run began with the new one: there is nothing better to try.
    swarm.engine.end(&container.id, refused);
    swarm.phase("ada", AgentPhase::Failed).await;
    assert_eq!(swarm.count("start"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn agent_whose_image_takes_no_delivery_can_be_suspended_and_deleted() {
    let (swarm, _chat) = Swarm::ready().await;
    swarm.engine.hang(Some("deliver"));
    swarm.agent("ada", json!({})).await;
    let message = swarm.lacks("ada", "Ready", "EngineTimedOut").await;
    assert!(message.contains("deliver configuration"), "{message}");
    assert_eq!(swarm.containers("ada")[0].phase, ContainerPhase::Running);
    swarm.change("ada", json!({"suspend": true})).await;
    swarm.phase("ada", AgentPhase::Suspended).await;
    swarm.change("ada", json!({"suspend": false})).await;
    swarm.lacks("ada", "Ready", "EngineTimedOut").await;
    swarm.delete("ada").await;
    until("ada is gone", async || {
        match swarm.api::<Agent>().get_opt("ada").await.unwrap() {
            None => Ok(()),
            Some(agent) => Err(agent.status),
        }
    })
    .await;
    assert!(swarm.containers("ada").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_agent_that_takes_no_delivery_holds_up_no_other() {
    let (swarm, _chat) = Swarm::ready().await;
    swarm.agent("ada", json!({})).await;
    swarm.listens("ada").await;
    swarm.engine.hang(Some("deliver"));
    swarm.agent("bob", json!({})).await;
    swarm.lacks("bob", "Ready", "EngineTimedOut").await;
    let ada = swarm.runs("ada").await;
    swarm.engine.report_state(&ada.id, {
        let mut state = crate::swarm::listening();
        state.usage.turns = 7;
        state
    });
    swarm
        .agent_until("ada", "its report is seen", |a| {
            let usage = a.status.as_ref().and_then(|s| s.usage.as_ref());
            usage.is_some_and(|usage| usage.turns == 7)
        })
        .await;
}
