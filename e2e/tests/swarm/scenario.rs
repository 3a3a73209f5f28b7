//! The stories.

use std::{
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use bollard::{models::ContainerState, query_parameters::KillContainerOptionsBuilder};

use crate::{
    host::{descendants, kill, listening},
    swarm::{Swarm, docker},
    wait::{LONG, until},
};

const AGENTS: [&str; 2] = ["ada", "sam"];

async fn state(container: &str) -> ContainerState {
    let found = docker().inspect_container(container, None).await.unwrap();
    found.state.unwrap()
}

/// `kill -9` of a container, through the engine.
async fn kill_container(container: &str) {
    let options = KillContainerOptionsBuilder::new().signal("SIGKILL").build();
    let killed = docker().kill_container(container, Some(options)).await;
    killed.unwrap();
}

/// Runs what a process runs a second time, on another port, to its end.
async fn run_again(pid: i32) -> std::process::Output {
    let words = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap();
    let mut words: Vec<_> = words.split_terminator('\0').collect();
    let listen = words.iter().position(|word| *word == "--listen").unwrap();
    words[listen + 1] = "127.0.0.1:0";
    let mut second = tokio::process::Command::new(words[0]);
    second.args(&words[1..]).kill_on_drop(true);
    let ended = tokio::time::timeout(LONG, second.output()).await;
    ended.expect("a second operator runs").unwrap()
}

/// One swarm through its whole life; one story, since every step starts from the last one's end.
#[tokio::test(flavor = "multi_thread")]
async fn swarm_talks_survives_and_leaves_nothing() {
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
    kill_container(&container).await;
    swarm.ready("ada", |a| a["status"]["restarts"] == 1).await;
    person.say("And which is green? (3)").await;
    person.hear_all(&AGENTS, "(3)").await;

    // The operator is killed and comes back by itself: nothing is started twice, no message is lost.
    let said = person.history().await;
    let started = state(&container).await.started_at;
    kill(swarm.process("agentchat-operator").0);
    person.say("Is anybody in charge? (4)").await;
    person.hear_all(&AGENTS, "(4)").await;
    until("the operator", async || {
        let status = swarm.try_agentctl(&["status"]);
        match swarm.process("agentchat-operator").1 == "1" && status.status.success() {
            true => Ok(()),
            false => Err(status),
        }
    })
    .await;
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

    // A second operator is refused; a second `up` keeps what runs.
    let operator = swarm.process("agentchat-operator").0;
    let second = run_again(operator).await;
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(
        !second.status.success() && said.contains("is in use by another process"),
        "{said}"
    );
    swarm.start();
    assert_eq!(swarm.process("agentchat-operator").0, operator);

    // Nobody but this machine reaches the swarm, also when everybody may come in.
    let only_here = |port| assert_eq!(listening(port), [Ipv4Addr::LOCALHOST], "port {port}");
    only_here(swarm.api_port);
    only_here(swarm.chat_port);
    let before = swarm.component("chat-server").await;
    let public = r#"{"spec": {"server": {"profile": "public"}}}"#;
    swarm.kubectl(&[
        "patch",
        "nodes.agentchat.dev",
        "server-1",
        "--type=merge",
        "-p",
        public,
    ]);
    until("the new chat server", async || {
        let found = swarm.component("chat-server").await;
        if found == before { Err(found) } else { Ok(()) }
    })
    .await;
    swarm
        .object_ready("nodes.agentchat.dev", "server-1", |_| true)
        .await;
    only_here(swarm.chat_port);

    // Deleted: the container is gone, the finalizer released.
    swarm.agentctl(&["delete", "agent", "ada", "--timeout", "60s"]);
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

/// The chat server is killed in the middle of a conversation.
#[tokio::test(flavor = "multi_thread")]
async fn killed_chat_server_is_back_in_seconds_with_every_message() {
    let swarm = Swarm::up("e2e-chat");
    let mut person = swarm.person().await;
    person.say("Is anybody there? (1)").await;
    person.hear_all(&AGENTS, "(1)").await;
    let said = person.history().await;
    let server = swarm.component("chat-server").await;
    assert_eq!(server.len(), 1);
    let killed = Instant::now();
    kill_container(&server[0]).await;
    until("the chat server", async || swarm.reach_chat().await).await;
    let away = killed.elapsed();
    eprintln!("the chat server was away for {:.1} s", away.as_secs_f64());
    assert!(away < Duration::from_secs(10), "it was away for {away:?}");
    let mut person = swarm.person().await;
    assert_eq!(swarm.component("chat-server").await, server);
    let heard = person.history().await;
    assert_eq!(
        heard.get(..said.len()),
        Some(&said[..]),
        "a message was lost"
    );
    // The agents come back, and the operator has counted it.
    person.say("Are you there again? (2)").await;
    person.hear_all(&AGENTS, "(2)").await;
    let counted = |node: &serde_json::Value| node["status"]["serverRestarts"] == 1;
    swarm
        .object_ready("nodes.agentchat.dev", "server-1", counted)
        .await;
    // What was said outlives a down as well.
    swarm.agentctl(&["down"]);
    swarm.start();
    let mut person = swarm.person().await;
    let heard = person.history().await;
    assert_eq!(
        heard.get(..said.len()),
        Some(&said[..]),
        "a message was lost"
    );
    swarm.purge().await;
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
