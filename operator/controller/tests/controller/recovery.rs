//! What is lost is found again: the operator, the engine, the chat server's memory.

use agentchat_api::AgentPhase;
use serde_json::json;

use crate::{Swarm, swarm::agent_condition, wait::until};

#[tokio::test(flavor = "multi_thread")]
async fn killed_operator_starts_nothing_twice() {
    let (mut swarm, _chat) = Swarm::ready().await;
    for name in ["ada", "sam"] {
        swarm.agent(name, json!({})).await;
        swarm.listens(name).await;
    }
    let before = swarm.engine.calls();
    let restarted = swarm.engine.deliveries().len();
    swarm.kill_operator().await;
    swarm.start_operator();
    // It can't know what the containers were given, so it gives it again: then it has looked at both.
    until("both were looked at", async || {
        let given = swarm.engine.deliveries().len();
        if given == restarted + 2 {
            Ok(())
        } else {
            Err(given)
        }
    })
    .await;
    for name in ["ada", "sam"] {
        let agent = swarm.phase(name, AgentPhase::Listening).await;
        assert_eq!(agent.status.unwrap().restarts, Some(0));
    }
    let after = swarm.engine.calls();
    let lasting = |call: &&String| !call.starts_with("deliver");
    let (before, after): (Vec<_>, Vec<_>) = (
        before.iter().filter(lasting).collect(),
        after.iter().filter(lasting).collect(),
    );
    assert_eq!(before, after);
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_operator_leaves_its_agents_running() {
    let (mut swarm, _chat) = Swarm::ready().await;
    swarm.agent("ada", json!({})).await;
    swarm.listens("ada").await;
    swarm.stop_operator().await;
    assert_eq!(swarm.count("stop") + swarm.count("remove"), 0);
    swarm.delete("ada").await;
    swarm.start_operator();
    until("what was deleted meanwhile goes", async || {
        let left = swarm.containers("ada");
        if left.is_empty() { Ok(()) } else { Err(left) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unreachable_engine_leaves_everything_unknown() {
    let (swarm, _chat) = Swarm::ready().await;
    swarm.agent("ada", json!({})).await;
    let before = swarm.runs("ada").await;
    swarm.listens("ada").await;
    swarm.engine.set_unreachable(true);
    swarm.change("ada", json!({"mission": "say goodbye"})).await;
    let agent = swarm.phase("ada", AgentPhase::Unknown).await;
    let ready = agent_condition(&agent, "Ready").unwrap();
    assert_eq!(
        (ready.status.as_str(), ready.reason.as_str()),
        ("Unknown", "EngineUnreachable")
    );
    assert_eq!(agent.status.unwrap().container_id, Some(before.id.clone()));
    swarm.engine.set_unreachable(false);
    until("the change is made", async || {
        let all = swarm.containers("ada");
        if all.len() == 1 && all[0].id != before.id {
            Ok(())
        } else {
            Err(all)
        }
    })
    .await;
    swarm.listens("ada").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chat_server_that_lost_its_allowlist_is_given_it_again() {
    let (swarm, mut chat) = Swarm::ready().await;
    swarm.agent("ada", json!({})).await;
    swarm.listens("ada").await;
    chat.kill_and_wipe();
    chat.start_again();
    chat.lets_in(&swarm.client, "ada").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unreachable_chat_server_ends_no_agent() {
    let (swarm, mut chat) = Swarm::ready().await;
    swarm.agent("ada", json!({})).await;
    swarm.listens("ada").await;
    chat.kill();
    swarm
        .node_until("server-1", "not Ready", |n| {
            crate::swarm::node_condition(n, "Ready").is_some_and(|c| c.status == "False")
        })
        .await;
    swarm.agent("sam", json!({})).await;
    let message = swarm.lacks("sam", "Ready", "ServerNotReady").await;
    assert!(message.contains("server-1"), "{message}");
    assert_eq!(swarm.count("stop") + swarm.count("remove"), 0);
    chat.start_again();
    swarm.node_ready("server-1").await;
    swarm.listens("sam").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operator_that_is_stopped_while_it_starts_ends() {
    let mut swarm = Swarm::empty().await;
    for _ in 0..5 {
        swarm.stop_operator().await;
        swarm.start_operator();
    }
}
