//! One swarm, driven by the commands that a user types.

use std::{
    env,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bollard::{API_DEFAULT_VERSION, Docker, query_parameters::ListContainersOptionsBuilder};
use serde_json::Value;

use crate::{
    chat::{Person, connect},
    wait::until,
};

/// A swarm with a state folder of its own.
pub struct Swarm {
    name: String,
    manifests: PathBuf,
    home: tempfile::TempDir,
    pub chat_port: u16,
    pub api_port: u16,
    down: bool,
}

/// A variable that `cargo xtask` sets.
pub fn setting(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set; run this through `cargo xtask test` or `bench`")
    })
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// A program of ours, next to the test.
pub fn program(name: &str) -> PathBuf {
    let test = env::current_exe().unwrap();
    let path = test.parent().unwrap().parent().unwrap().join(name);
    assert!(
        path.exists(),
        "{} is not built; run this through `cargo xtask test` or `bench`",
        path.display()
    );
    path
}

/// The quickstart's manifests, or a file of them.
pub fn quickstart(file: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests/quickstart");
    folder.join(file)
}

impl Swarm {
    /// Brings the quickstart up.
    pub fn up(name: &str) -> Self {
        Self::up_with(name, &quickstart(""))
    }

    /// Brings up what a manifest, or a folder of them, declares.
    pub fn up_with(name: &str, manifests: &Path) -> Self {
        let swarm = Self::new(name, manifests);
        swarm.start();
        swarm
    }

    /// A swarm that was never up.
    pub fn new(name: &str, manifests: &Path) -> Self {
        Self {
            name: name.to_owned(),
            manifests: manifests.to_owned(),
            home: tempfile::Builder::new()
                .prefix("agentchat-e2e-")
                .tempdir()
                .unwrap(),
            chat_port: free_port(),
            api_port: free_port(),
            down: false,
        }
    }

    /// `agentctl up --detach`, also for a swarm that runs in part.
    pub fn start(&self) {
        let listen = format!("127.0.0.1:{}", self.api_port);
        let [socket, agent, server, model] = ["SOCKET", "IMAGE", "SERVER_IMAGE", "MODEL_IMAGE"]
            .map(|name| setting(&format!("AGENTCHAT_E2E_{name}")));
        let port = self.chat_port.to_string();
        self.agentctl(&[
            "up",
            "--detach",
            "-f",
            self.manifests.to_str().unwrap(),
            "--socket",
            &socket,
            "--agent-image",
            &agent,
            "--server-image",
            &server,
            "--model-image",
            &model,
            "--api-listen",
            &listen,
            "--chat-port",
            &port,
        ]);
    }

    /// `agentctl down --purge`, and nothing is left.
    pub async fn purge(mut self) {
        self.agentctl(&["down", "--purge"]);
        self.down = true;
        assert!(!self.state().exists(), "{} is left", self.state().display());
        assert!(
            TcpListener::bind(("127.0.0.1", self.chat_port)).is_ok(),
            "the chat port is still taken"
        );
        assert!(
            TcpListener::bind(("127.0.0.1", self.api_port)).is_ok(),
            "the API port is still taken"
        );
    }

    /// agentctl for this swarm; panics when it fails.
    pub fn agentctl(&self, args: &[&str]) -> String {
        let out = self.try_agentctl(args);
        assert!(out.status.success(), "agentctl {args:?}: {}", text(&out));
        String::from_utf8(out.stdout).unwrap()
    }

    /// agentctl for this swarm.
    pub fn try_agentctl(&self, args: &[&str]) -> Output {
        Command::new(program("agentctl"))
            .args(args)
            .env("AGENTCHAT_SWARM", &self.name)
            .env("XDG_STATE_HOME", self.home.path())
            .env("AGENTCHAT_NO_SYSTEMD", "1")
            .env_remove("KUBECONFIG")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// The swarm's folder.
    pub fn state(&self) -> PathBuf {
        self.home.path().join("agentchat").join(&self.name)
    }

    /// kubectl with the swarm's kubeconfig; panics when it fails.
    pub fn kubectl(&self, args: &[&str]) -> String {
        let out = self.try_kubectl(args);
        assert!(out.status.success(), "kubectl {args:?}: {}", text(&out));
        String::from_utf8(out.stdout).unwrap()
    }

    /// kubectl with the swarm's kubeconfig.
    pub fn try_kubectl(&self, args: &[&str]) -> Output {
        Command::new(env::var("KUBECTL").unwrap_or_else(|_| "kubectl".into()))
            .args(args)
            .env("KUBECONFIG", self.state().join("kubeconfig"))
            .env("HOME", self.home.path())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// An object, as JSON.
    pub fn get(&self, what: &str, name: &str) -> Value {
        serde_json::from_str(&self.kubectl(&["get", what, name, "-o", "json"])).unwrap()
    }

    /// Waits until an Agent's condition Ready is True and `also` holds of it.
    pub async fn ready(&self, agent: &str, also: impl Fn(&Value) -> bool) -> Value {
        self.object_ready("agents.agentchat.dev", agent, also).await
    }

    /// Waits until an object's condition Ready is True and `also` holds of it.
    pub async fn object_ready(
        &self,
        what: &str,
        name: &str,
        also: impl Fn(&Value) -> bool,
    ) -> Value {
        until(&format!("{what} {name} Ready"), async || {
            let object = self.get(what, name);
            let conditions = object["status"]["conditions"].as_array();
            let is_ready = |c: &Value| c["type"] == "Ready" && c["status"] == "True";
            let ready = conditions.is_some_and(|all| all.iter().any(is_ready));
            if ready && also(&object) {
                Ok(object)
            } else {
                Err(object["status"].clone())
            }
        })
        .await
    }

    /// Fails while the chat server does not take connections.
    pub async fn reach_chat(&self) -> Result<(), String> {
        connect(self.chat_port, &self.chat_ca()).await.map(drop)
    }

    fn chat_ca(&self) -> String {
        let node = self.get("nodes.agentchat.dev", "server-1");
        node["status"]["caBundle"].as_str().unwrap().to_owned()
    }

    /// A person in the chat.
    pub async fn person(&self) -> Person {
        let secret = [
            "get",
            "secret",
            "-n",
            "agentchat-system",
            "server-1-chat-admin",
        ];
        let secret = self.kubectl(&[&secret[..], &["-o", "json"]].concat());
        let secret: Value = serde_json::from_str(&secret).unwrap();
        let key = BASE64_STANDARD
            .decode(secret["data"]["key"].as_str().unwrap())
            .unwrap();
        let key = String::from_utf8(key).unwrap();
        Person::join(self.chat_port, &self.chat_ca(), &key).await
    }

    /// Host id of a process of the swarm, and the note beside it in its pid file.
    pub fn process(&self, name: &str) -> (i32, String) {
        let file = self.state().join(format!("{name}.pid"));
        let text =
            std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let words: Vec<_> = text.split_whitespace().collect();
        (words[0].parse().unwrap(), words[3].to_owned())
    }

    /// Containers of an agent of this swarm, running or not.
    pub async fn containers(&self, agent: &str) -> Vec<String> {
        self.labelled("agentchat.dev/name", agent).await
    }

    /// Containers of what a Node runs for itself, `chat-server` for one.
    pub async fn component(&self, component: &str) -> Vec<String> {
        self.labelled("agentchat.dev/component", component).await
    }

    async fn labelled(&self, label: &str, value: &str) -> Vec<String> {
        let id = self.get("namespace", "kube-system")["metadata"]["uid"]
            .as_str()
            .unwrap()
            .to_owned();
        let labels = vec![
            format!("agentchat.dev/swarm={id}"),
            format!("{label}={value}"),
        ];
        let filters = std::collections::HashMap::from([("label", labels)]);
        let options = ListContainersOptionsBuilder::new()
            .all(true)
            .filters(&filters)
            .build();
        // A state that a container has for a moment only may be one that the client does not know.
        let list = async || docker().list_containers(Some(options.clone())).await;
        let all = until("the list of containers", list).await;
        all.into_iter().filter_map(|c| c.id).collect()
    }
}

impl Drop for Swarm {
    fn drop(&mut self) {
        if !self.down {
            let out = self.try_agentctl(&["down", "--purge"]);
            if !out.status.success() {
                eprintln!("clean-up of swarm {} failed: {}", self.name, text(&out));
            }
        }
    }
}

fn text(out: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr)
    )
}

/// The engine that the tests use.
pub fn docker() -> Docker {
    Docker::connect_with_unix(&setting("AGENTCHAT_E2E_SOCKET"), 60, API_DEFAULT_VERSION).unwrap()
}
