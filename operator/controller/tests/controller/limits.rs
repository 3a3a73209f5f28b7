//! Limits are held to the operator's own account of what was used, which reports can only raise.

use agentchat_api::{AgentPhase, UsageStatus};
use agentchat_contract::{State, UsageLedger};
use serde_json::json;

use crate::{Swarm, swarm::listening};

fn used(turns: u64) -> State {
    let mut state = listening();
    state.usage.turns = turns;
    state.first_start = 1_700_000_000_000;
    state
}

fn usage(agent: &agentchat_api::Agent) -> UsageStatus {
    let status = agent.status.clone().unwrap();
    status.usage.unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn agent_that_reports_more_than_its_limit_is_stopped_by_the_operator() {
    let (swarm, _chat) = Swarm::ready().await;
    swarm.agent("ada", json!({"limits": {"turns": 3}})).await;
    let container = swarm.runs("ada").await;
    swarm.engine.report_state(&container.id, used(2));
    swarm.phase("ada", AgentPhase::Listening).await;
    // Its supervisor should have ended it.
    swarm.engine.report_state(&container.id, used(3));
    let ended = swarm.phase("ada", AgentPhase::Completed).await;
    assert_eq!(usage(&ended).turns, 3);
    swarm.lacks("ada", "Ready", "BudgetExhausted").await;
    assert_eq!((swarm.count("start"), swarm.count("stop")), (1, 1));
    swarm.change("ada", json!({"limits": {"turns": 30}})).await;
    swarm.runs("ada").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn report_of_less_lowers_nothing_and_the_account_goes_along_to_the_next_container() {
    let (swarm, _chat) = Swarm::ready().await;
    swarm.agent("ada", json!({"limits": {"turns": 100}})).await;
    let container = swarm.runs("ada").await;
    swarm.engine.report_state(&container.id, used(40));
    swarm
        .agent_until("ada", "40 turns", |a| usage(a).turns == 40)
        .await;
    // The agent has found a way to make its supervisor forget.
    let mut less = used(1);
    less.activity.state = agentchat_contract::ActivityState::Thinking;
    swarm.engine.report_state(&container.id, less);
    let agent = swarm.phase("ada", AgentPhase::Running).await;
    assert_eq!(usage(&agent).turns, 40);
    swarm.change("ada", json!({"mission": "say goodbye"})).await;
    swarm
        .agent_until("ada", "another container", |a| {
            let id = a.status.as_ref().and_then(|s| s.container_id.as_ref());
            id.is_some_and(|id| *id != container.id)
        })
        .await;
    swarm.runs("ada").await;
    let delivered = swarm.delivered("ada", "usage.json").unwrap();
    let ledger: UsageLedger = serde_json::from_slice(&delivered).unwrap();
    assert_eq!(ledger.usage.turns, 40);
    assert_eq!(ledger.first_start, 1_700_000_000_000);
}
