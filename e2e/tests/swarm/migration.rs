//! A swarm of an earlier release, whose chat server was a process of the host: its history is taken along.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use serde_json::json;

use crate::{
    host::pid_line,
    swarm::{Swarm, program, setting},
};

/// As many messages as an `agentctl chat history` shows without being asked for more.
const MESSAGES: usize = 5;

/// The chat server of an earlier release, with its pid file. It is ended with the test at the latest.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Server {
    fn start(swarm: &Swarm) -> Self {
        let data = swarm.state().join("chat/server-1/data");
        fs::create_dir_all(&data).unwrap();
        let mut child = Command::new(program("agentchat-server"))
            .args(["--listen", &format!("127.0.0.1:{}", swarm.chat_port)])
            .arg("--data-dir")
            .arg(&data)
            .args(["--profile", "public", "--lurk-disabled", "true"])
            .args(["--announcements", "false", "--admin-key-file", ""])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        assert!(line.contains("listening"), "{line}");
        let file = swarm.state().join("agentchat-server.pid");
        fs::write(file, pid_line(child.id())).unwrap();
        Self(child)
    }
}

/// What an earlier release remembered of a swarm.
fn remember(swarm: &Swarm, manifest: &str) {
    let config = json!({
        "version": 1,
        "socket": setting("AGENTCHAT_E2E_SOCKET"),
        "agentImage": setting("AGENTCHAT_E2E_IMAGE"),
        "apiListen": format!("127.0.0.1:{}", swarm.api_port),
        "chatPort": swarm.chat_port,
        "chatServer": "server-1",
        "modelPort": 8089,
        "credentials": "scripted-model",
        "manifests": [manifest],
        "down": false,
    });
    fs::write(swarm.state().join("swarm.json"), config.to_string()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn history_of_an_earlier_release_is_there_after_the_next_up() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("server.yaml");
    let node = "apiVersion: agentchat.dev/v1alpha1\nkind: Node\nmetadata: {name: server-1}\n\
                spec: {role: Server, machine: {local: {}}, server: {channels: [\"#general\"]}}\n";
    fs::write(&manifest, node).unwrap();
    let swarm = Swarm::new("e2e-earlier", &manifest);
    let mut server = Server::start(&swarm);
    remember(&swarm, manifest.to_str().unwrap());
    let url = format!("ws://127.0.0.1:{}", swarm.chat_port);
    let said: Vec<_> = (1..=MESSAGES)
        .map(|n| format!("message {n} of old"))
        .collect();
    for text in &said {
        swarm.agentctl(&["chat", "send", "--server", &url, "general", text]);
    }

    swarm.start();
    assert!(
        server.0.try_wait().unwrap().is_some(),
        "the process still runs"
    );
    let mut person = swarm.person().await;
    let heard: Vec<_> = person.history().await.into_iter().map(|m| m.1).collect();
    assert_eq!(heard, said);
    person.say("and one of today").await;
    let folder = swarm.state().join("chat/server-1");
    assert!(!folder.join("data").exists() && folder.join("data.moved").exists());

    // Taken along once: the next start does not bring back what was there before.
    swarm.agentctl(&["down"]);
    swarm.start();
    let mut person = swarm.person().await;
    let heard = person.history().await;
    assert_eq!(heard.len(), MESSAGES + 1, "{heard:?}");
    swarm.purge().await;
}
