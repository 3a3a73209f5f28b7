//! Several engines: an agent runs on one of them at a time, and what is on one that is gone for good holds nobody.

use agentchat_api::{ABANDON_ANNOTATION, Agent, AgentPhase, Node};
use agentchat_driver::ContainerPhase;
use kube::api::DeleteParams;
use serde_json::json;

use crate::{
    Swarm,
    swarm::{containers_on, node_condition},
    wait::until,
};

fn node_of(agent: &Agent) -> Option<&str> {
    agent.status.as_ref()?.node_name.as_deref()
}

#[tokio::test(flavor = "multi_thread")]
async fn agent_that_moves_is_removed_from_one_engine_before_it_is_created_on_the_other() {
    let (swarm, _chat) = Swarm::ready().await;
    let far = swarm.node_with_own_engine("client-2").await;
    swarm
        .agent("ada", json!({"placement": {"nodeName": "client-1"}}))
        .await;
    swarm.listens("ada").await;
    // The other engine refuses: had it been asked before the first one was clean, both would have a container.
    far.refuse(Some("create"));
    swarm
        .change("ada", json!({"placement": {"nodeName": "client-2"}}))
        .await;
    until("the first engine is clean", async || {
        let left = swarm.containers("ada");
        if left.is_empty() { Ok(()) } else { Err(left) }
    })
    .await;
    assert!(containers_on(&far, "ada").is_empty());
    far.refuse(None);
    swarm.runs_on(&far, "ada").await;
    let agent = swarm
        .agent_until("ada", "on client-2", |a| node_of(a) == Some("client-2"))
        .await;
    assert_eq!(
        agent.status.unwrap().restarts,
        Some(0),
        "a move is no restart"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn agent_is_not_created_elsewhere_while_its_engine_does_not_answer() {
    let (swarm, _chat) = Swarm::ready().await;
    let (old, new) = (
        swarm.node_with_own_engine("client-2").await,
        swarm.node_with_own_engine("client-3").await,
    );
    swarm
        .agent("ada", json!({"placement": {"nodeName": "client-2"}}))
        .await;
    let before = swarm.runs_on(&old, "ada").await;
    swarm
        .agent_until("ada", "its container is in the status", |a| {
            let status = a.status.as_ref();
            status.is_some_and(|s| s.container_id.as_ref() == Some(&before.id))
        })
        .await;
    old.set_unreachable(true);
    swarm
        .change("ada", json!({"placement": {"nodeName": "client-3"}}))
        .await;
    swarm.phase("ada", AgentPhase::Unknown).await;
    assert!(
        containers_on(&new, "ada").is_empty(),
        "it may still run on client-2"
    );

    // Somebody says that what is on client-2 is lost.
    swarm
        .annotate(&swarm.nodes(), "client-2", ABANDON_ANNOTATION, "true")
        .await;
    swarm.runs_on(&new, "ada").await;
    let agent = swarm
        .agent_until("ada", "says what was given up", |a| {
            let given_up = a.status.as_ref().map(|s| s.abandoned.as_slice());
            given_up.is_some_and(|all| all.iter().any(|one| one.node == "client-2"))
        })
        .await;
    let given_up = &agent.status.unwrap().abandoned;
    assert!(given_up[0].what.contains(&before.id), "{given_up:?}");
    assert_eq!(given_up.len(), 1);

    // It was not lost: what comes back is removed, and the newer one goes on.
    old.set_unreachable(false);
    until("the older container is removed", async || {
        let left = containers_on(&old, "ada");
        if left.is_empty() { Ok(()) } else { Err(left) }
    })
    .await;
    let running = containers_on(&new, "ada");
    assert_eq!(running.len(), 1);
    assert_eq!(running[0].phase, ContainerPhase::Running);
}

#[tokio::test(flavor = "multi_thread")]
async fn node_that_is_gone_for_good_is_deleted_once_it_is_given_up() {
    let (swarm, _chat) = Swarm::ready().await;
    let far = swarm.node_with_own_engine("client-2").await;
    swarm
        .agent("ada", json!({"placement": {"nodeName": "client-2"}}))
        .await;
    swarm.runs_on(&far, "ada").await;
    swarm
        .agent_until("ada", "on client-2", |a| node_of(a) == Some("client-2"))
        .await;
    far.set_unreachable(true);
    let (nodes, agents) = (swarm.nodes(), swarm.api::<Agent>());
    let gone = DeleteParams::default();
    nodes.delete("client-2", &gone).await.unwrap();
    let waits = swarm
        .node_until("client-2", "waits for its engine", |n| {
            node_condition(n, "Ready").is_some_and(|c| c.reason == "Draining")
        })
        .await;
    let message = node_condition(&waits, "Ready").unwrap().message;
    assert!(message.contains("agentchat.dev/abandon=true"), "{message}");
    agents.delete("ada", &gone).await.unwrap();
    swarm.phase("ada", AgentPhase::Terminating).await;

    swarm
        .annotate(&nodes, "client-2", ABANDON_ANNOTATION, "true")
        .await;
    until("both are gone", async || {
        let left: Option<(Option<Node>, Option<Agent>)> = Some((
            nodes.get_opt("client-2").await.unwrap(),
            agents.get_opt("ada").await.unwrap(),
        ));
        match left {
            Some((None, None)) => Ok(()),
            left => Err(left),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn engine_that_does_not_answer_concerns_the_agents_of_its_node_alone() {
    let (swarm, _chat) = Swarm::ready().await;
    let far = swarm.node_with_own_engine("client-2").await;
    swarm
        .agent("ada", json!({"placement": {"nodeName": "client-1"}}))
        .await;
    swarm
        .agent("bob", json!({"placement": {"nodeName": "client-2"}}))
        .await;
    swarm.listens("ada").await;
    let container = swarm.runs_on(&far, "bob").await;
    far.report_state(&container.id, crate::swarm::listening());
    swarm.phase("bob", AgentPhase::Listening).await;
    far.set_unreachable(true);
    swarm
        .node_until("client-2", "NotReady", |n| {
            node_condition(n, "PodmanReachable").is_some_and(|c| c.status == "False")
        })
        .await;
    swarm.phase("bob", AgentPhase::Unknown).await;
    swarm.phase("ada", AgentPhase::Listening).await;
    far.set_unreachable(false);
    swarm.node_ready("client-2").await;
    swarm.phase("bob", AgentPhase::Listening).await;
    assert_eq!(containers_on(&far, "bob")[0].id, container.id);
}
