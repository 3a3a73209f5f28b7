//! An agent's life: it is brought up, put to rest, changed, removed.

use agentchat_api::{Agent, AgentPhase};
use agentchat_contract::exit;
use k8s_openapi::api::core::v1::Secret;
use serde_json::json;

use crate::{
    Swarm,
    swarm::{CREDENTIAL, agent_condition},
    wait::until,
};

#[tokio::test(flavor = "multi_thread")]
async fn declared_agent_is_brought_up_and_listens() {
    let (swarm, _chat) = Swarm::ready().await;
    swarm.agent("ada", json!({})).await;
    let container = swarm.runs("ada").await;
    assert_eq!(container.name, "agentchat-ada");
    assert_eq!(
        swarm.delivered("ada", "api-key"),
        Some(CREDENTIAL.as_bytes().to_vec())
    );
    let agent = swarm.listens("ada").await;
    let status = agent.status.clone().unwrap();
    assert_eq!(status.container_id, Some(container.id));
    assert_eq!(status.agent_id.as_deref(), Some("@ada"));
    assert_eq!(status.restarts, Some(0));
    assert!(status.image.unwrap().contains("@sha256:"));
    for type_ in [
        "Scheduled",
        "SecretsReady",
        "ImageReady",
        "ContainerRunning",
        "ChatConnected",
        "Ready",
    ] {
        let found = agent_condition(&agent, type_);
        assert_eq!(found.map(|c| c.status).as_deref(), Some("True"), "{type_}");
    }
    assert_eq!(swarm.count("create"), 1);
    assert_eq!(swarm.count("start"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn suspended_agent_keeps_its_container_and_goes_on() {
    let (swarm, _chat) = Swarm::ready().await;
    swarm.agent("ada", json!({})).await;
    let before = swarm.runs("ada").await;
    swarm.listens("ada").await;
    swarm.change("ada", json!({"suspend": true})).await;
    swarm.phase("ada", AgentPhase::Suspended).await;
    assert_eq!(swarm.count("remove"), 0, "it keeps what it has");
    swarm.change("ada", json!({"suspend": false})).await;
    let agent = swarm.listens("ada").await;
    assert_eq!(swarm.runs("ada").await.id, before.id);
    let status = agent.status.unwrap();
    assert_eq!(status.restarts, Some(0), "to go on is no restart");
    assert_eq!(status.last_termination.unwrap().reason, "Stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_spec_gets_a_new_container_and_the_same_home() {
    let (swarm, _chat) = Swarm::ready().await;
    swarm.agent("ada", json!({})).await;
    let before = swarm.runs("ada").await;
    swarm.listens("ada").await;
    swarm.change("ada", json!({"mission": "say goodbye"})).await;
    swarm
        .agent_until("ada", "another container", |a| {
            let id = a.status.as_ref().and_then(|s| s.container_id.as_ref());
            id.is_some_and(|id| *id != before.id)
        })
        .await;
    let agent = swarm.listens("ada").await;
    assert_eq!(
        agent.status.unwrap().restarts,
        Some(0),
        "a change is no restart"
    );
    let specs = swarm.engine.specs();
    assert_eq!(specs.len(), 2);
    assert_eq!(specs[0].volume, specs[1].volume);
    let calls = swarm.engine.calls();
    let at = |call: &str| {
        calls
            .iter()
            .position(|c| *c == format!("{call} {}", before.id))
    };
    assert!(at("stop").unwrap() < at("remove").unwrap(), "{calls:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_agent_is_started_again_and_counted() {
    let (swarm, _chat) = Swarm::ready().await;
    swarm.agent("ada", json!({})).await;
    let before = swarm.runs("ada").await;
    swarm.listens("ada").await;
    swarm.engine.end(&before.id, 137);
    let agent = swarm
        .agent_until("ada", "restarted", |a| {
            a.status.as_ref().and_then(|s| s.restarts) == Some(1)
        })
        .await;
    assert_eq!(
        agent.status.unwrap().last_termination.unwrap().reason,
        "Killed"
    );
    let after = swarm.runs("ada").await;
    assert_eq!(after.id, before.id, "it is the same container");
    assert_eq!(
        swarm.count("deliver"),
        2,
        "each run is given its secrets anew"
    );
    swarm.listens("ada").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn agent_that_reached_a_limit_stays_ended_until_the_limit_is_raised() {
    let (swarm, _chat) = Swarm::ready().await;
    swarm.agent("ada", json!({"limits": {"turns": 3}})).await;
    let container = swarm.runs("ada").await;
    swarm.listens("ada").await;
    swarm
        .engine
        .end(&container.id, exit::BUDGET_EXHAUSTED.into());
    let agent = swarm.phase("ada", AgentPhase::Completed).await;
    let end = agent.status.unwrap().last_termination.unwrap();
    assert_eq!(end.reason, "BudgetExhausted");
    assert_eq!(swarm.count("start"), 1);
    let message = swarm.lacks("ada", "Ready", "BudgetExhausted").await;
    assert!(message.contains("spec.limits"), "{message}");
    swarm.change("ada", json!({"limits": {"turns": 30}})).await;
    swarm.listens("ada").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_credential_waits_for_another_one() {
    let (swarm, _chat) = Swarm::ready().await;
    swarm.agent("ada", json!({})).await;
    let container = swarm.runs("ada").await;
    swarm.listens("ada").await;
    let refused = exit::AUTHENTICATION_REFUSED.into();
    swarm.engine.end(&container.id, refused);
    swarm.phase("ada", AgentPhase::Failed).await;
    let message = swarm.lacks("ada", "Ready", "AuthenticationRefused").await;
    assert!(message.contains("Secret"), "{message}");
    swarm.credential("a-better-one").await;
    swarm.listens("ada").await;
    let given = swarm.delivered("ada", "api-key");
    assert_eq!(given, Some(b"a-better-one".to_vec()));
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_agent_leaves_nothing_but_its_identity() {
    let (swarm, _chat) = Swarm::ready().await;
    swarm.agent("ada", json!({})).await;
    swarm.listens("ada").await;
    swarm.delete("ada").await;
    let api = swarm.api::<Agent>();
    until("Agent ada is gone", async || {
        match api.get_opt("ada").await.unwrap() {
            None => Ok(()),
            Some(agent) => Err(agent.metadata),
        }
    })
    .await;
    assert!(swarm.containers("ada").is_empty());
    let left = swarm.engine.networks_and_volumes();
    assert!(!left.iter().any(|name| name.contains("ada")), "{left:?}");
    let identity = swarm.api::<Secret>().get_opt("ada-identity").await.unwrap();
    assert!(identity.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn credential_is_delivered_and_shown_nowhere() {
    let (swarm, _chat) = Swarm::ready().await;
    swarm.agent("ada", json!({})).await;
    let agent = swarm.listens("ada").await;
    let shown = format!(
        "{:?} {:?} {}",
        swarm.engine.specs(),
        swarm.engine.calls(),
        serde_json::to_string(&agent).unwrap()
    );
    assert!(!shown.contains(CREDENTIAL), "{shown}");
    let given = swarm.delivered("ada", "api-key");
    assert_eq!(given, Some(CREDENTIAL.as_bytes().to_vec()));
}
