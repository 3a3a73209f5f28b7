//! The stories.

use bollard::{models::ContainerState, query_parameters::KillContainerOptionsBuilder};

use crate::{
    processes::{descendants, kill},
    swarm::{Swarm, docker},
    wait::until,
};

const AGENTS: [&str; 2] = ["ada", "sam"];

async fn state(container: &str) -> ContainerState {
    let found = docker().inspect_container(container, None).await.unwrap();
    found.state.unwrap()
}

/// One swarm through its whole life; one story, since every step starts from the last one's end.
#[tokio::test(flavor = "multi_thread")]
async fn a_swarm_talks_survives_and_leaves_nothing() {
    let swarm = Swarm::up("e2e-life");
    for agent in AGENTS {
        swarm.ready(agent, |_| true).await;
    }
    let mut person = swarm.person().await;
    person.say("Hello, which fruit is yellow? (1)").await;
    person.hear_all(&AGENTS, "(1)").await;

    // Claude Code is killed: the session is resumed and the conversation goes on.
    let before = swarm
        .ready("ada", |a| a["status"]["sessionId"].is_string())
        .await;
    let container = before["status"]["containerId"].as_str().unwrap().to_owned();
    let init = state(&container).await.pid.unwrap();
    let claude = descendants(init, "claude");
    assert!(!claude.is_empty(), "no process named claude below {init}");
    claude.iter().for_each(|pid| kill(*pid));
    swarm
        .ready("ada", |a| a["status"]["sessionResumed"] == true)
        .await;
    person.say("And which is red? (2)").await;
    person.hear_all(&AGENTS, "(2)").await;
    let after = swarm.ready("ada", |_| true).await;
    assert_eq!(after["status"]["sessionId"], before["status"]["sessionId"]);
    assert_eq!(
        after["status"]["containerId"],
        before["status"]["containerId"]
    );

    // The container is killed: it comes back, and the operator has counted it.
    let options = KillContainerOptionsBuilder::new().signal("SIGKILL").build();
    docker()
        .kill_container(&container, Some(options))
        .await
        .unwrap();
    swarm.ready("ada", |a| a["status"]["restarts"] == 1).await;
    person.say("And which is green? (3)").await;
    person.hear_all(&AGENTS, "(3)").await;

    // The operator is killed and started again: nothing is started twice, no message is lost.
    let said = person.history().await;
    let started = state(&container).await.started_at;
    kill(swarm.service_pid("agentchat-operator"));
    person.say("Is anybody in charge? (4)").await;
    person.hear_all(&AGENTS, "(4)").await;
    swarm.start();
    for agent in AGENTS {
        swarm.ready(agent, |_| true).await;
        assert_eq!(swarm.containers(agent).await.len(), 1, "{agent}");
    }
    let now = state(&container).await.started_at;
    assert_eq!(now, started, "the container was started again");
    let heard = person.history().await;
    assert_eq!(
        heard.get(..said.len()),
        Some(&said[..]),
        "a message was lost"
    );

    // Deleted: the container is gone, the finalizer released.
    swarm.kubectl(&["delete", "agent", "ada", "--timeout=60s"]);
    assert_eq!(swarm.containers("ada").await, Vec::<String>::new());
    let gone = swarm.try_kubectl(&["get", "agent", "ada"]);
    assert!(
        String::from_utf8_lossy(&gone.stderr).contains("NotFound"),
        "{gone:?}"
    );

    swarm.purge().await;
    let left = docker().inspect_container(&container, None).await;
    assert!(left.is_err(), "the container is left");
}

/// Two swarms on one engine don't disturb each other.
#[tokio::test(flavor = "multi_thread")]
async fn two_swarms_do_not_disturb_each_other() {
    let (one, two) = (Swarm::up("e2e-one"), Swarm::up("e2e-two"));
    let kept = two.ready("sam", |_| true).await;
    one.ready("sam", |_| true).await;
    let mut person = two.person().await;
    one.purge().await;
    person.say("Are you still there? (5)").await;
    person.hear_all(&AGENTS, "(5)").await;
    let still = until("Agent sam", async || {
        Ok::<_, ()>(two.get("agents.agentchat.dev", "sam"))
    })
    .await;
    assert_eq!(
        still["status"]["containerId"],
        kept["status"]["containerId"]
    );
    two.purge().await;
}
