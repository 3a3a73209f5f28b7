//! The program, and a root folder for it.

use std::{fs, process::Stdio};

use agentchat_contract::{DeliveredFile, Delivery, DeliveryDir, DeliveryDirs, write_delivery};
use agentchat_protocol::Identity;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

use crate::{DEADLINE, chat::Server};

/// What an agent container has.
pub struct Container {
    pub root: tempfile::TempDir,
}

impl Container {
    /// For an agent that the server knows and that is to be in `#general`.
    pub async fn new(server: &Server) -> Self {
        let root = tempfile::tempdir().unwrap();
        for folder in ["etc/agent", "run/secrets", "run/agent", "home/agent"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        let identity = Identity::generate().unwrap();
        server.approve(&identity).await;
        fs::write(
            root.path().join("run/secrets/identity"),
            identity.to_pkcs8_pem(),
        )
        .unwrap();
        let container = Self { root };
        container.deliver(server, &["#general"]);
        container
    }

    /// Delivers a configuration: the channels, and the server's authority as it is now.
    pub fn deliver(&self, server: &Server, channels: &[&str]) {
        let config = json!({"name": "ada", "displayName": "Ada", "chat":
            {"url": server.url, "channels": channels, "persistentIdentity": true}});
        let file = |path: &str, contents: String| DeliveredFile {
            dir: DeliveryDir::Config,
            path: path.into(),
            contents: contents.into(),
        };
        let delivery = Delivery {
            generation: 1,
            files: vec![
                file("agent.json", config.to_string()),
                file("ca.pem", server.ca_pem.clone()),
            ],
        };
        let dirs = DeliveryDirs {
            config: self.root.path().join("etc/agent"),
            secrets: self.root.path().join("run/secrets"),
        };
        write_delivery(&dirs, &delivery).unwrap();
    }

    /// The program, running, with the handshake done.
    pub async fn start(&self) -> Mcp {
        let mut child = Command::new(env!("CARGO_BIN_EXE_agentchat-mcp"))
            .env("AGENT_ROOT", self.root.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let stdin = child.stdin.take();
        let mut mcp = Mcp {
            child,
            stdin,
            lines,
            last: 0,
        };
        let hello = json!({"protocolVersion": "2025-06-18", "capabilities": {},
            "clientInfo": {"name": "test", "version": "0"}});
        let welcome = mcp.ask("initialize", hello).await;
        assert_eq!(welcome["serverInfo"]["name"], "agentchat");
        mcp.tell(json!({"method": "notifications/initialized"}))
            .await;
        mcp
    }
}

/// The program, running.
pub struct Mcp {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
    last: u64,
}

impl Mcp {
    async fn tell(&mut self, mut frame: Value) {
        frame["jsonrpc"] = "2.0".into();
        let stdin = self.stdin.as_mut().unwrap();
        stdin
            .write_all(format!("{frame}\n").as_bytes())
            .await
            .unwrap();
    }

    /// Asks, and does not wait for the answer; gives the request's number.
    pub async fn begin(&mut self, method: &str, params: Value) -> u64 {
        self.last += 1;
        let id = self.last;
        self.tell(json!({"id": id, "method": method, "params": params}))
            .await;
        id
    }

    /// The answer to a request.
    pub async fn answer(&mut self, id: u64) -> Value {
        let next = async {
            loop {
                let line = self
                    .lines
                    .next_line()
                    .await
                    .unwrap()
                    .expect("agentchat-mcp ended");
                let mut frame: Value = serde_json::from_str(&line).unwrap();
                if frame["id"] == id {
                    assert!(frame["error"].is_null(), "{frame}");
                    return frame["result"].take();
                }
            }
        };
        timeout(DEADLINE, next).await.expect("no answer in time")
    }

    /// Asks and waits for the answer.
    pub async fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.begin(method, params).await;
        self.answer(id).await
    }

    /// Begins to call a tool.
    pub async fn begin_call(&mut self, tool: &str, arguments: Value) -> u64 {
        self.begin("tools/call", json!({"name": tool, "arguments": arguments}))
            .await
    }

    /// What a call returned: JSON, or the words of its failure.
    pub async fn returned(&mut self, id: u64) -> Result<Value, String> {
        let result = self.answer(id).await;
        let text = result["content"][0]["text"].as_str().unwrap();
        if result["isError"] == true {
            return Err(text.to_owned());
        }
        Ok(serde_json::from_str(text).unwrap())
    }

    /// Calls a tool.
    pub async fn call(&mut self, tool: &str, arguments: Value) -> Result<Value, String> {
        let id = self.begin_call(tool, arguments).await;
        self.returned(id).await
    }

    /// Listens in `#general` until something is said; gives the texts.
    pub async fn listen(&mut self) -> Vec<String> {
        let received = self.call(
            "agentchat_listen",
            json!({"channels": ["#general"], "timeout_seconds": 15}),
        );
        texts(&received.await.unwrap())
    }

    /// Takes a request back.
    pub async fn cancel(&mut self, id: u64) {
        self.tell(json!({"method": "notifications/cancelled", "params": {"requestId": id}}))
            .await;
    }

    /// SIGKILL.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Closes its input and waits for its end.
    pub async fn end(mut self) {
        self.stdin = None;
        let ended = timeout(DEADLINE, self.child.wait())
            .await
            .expect("it did not end");
        assert!(ended.unwrap().success());
    }
}

/// The texts of what a listen returned.
pub fn texts(received: &Value) -> Vec<String> {
    let messages = received["messages"].as_array().unwrap();
    messages
        .iter()
        .map(|m| m["content"].as_str().unwrap().to_owned())
        .collect()
}
