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

use crate::{chat::Person, wait::until};

/// A swarm with a state folder of its own.
pub struct Swarm {
    name: String,
    manifests: PathBuf,
    home: tempfile::TempDir,
    pub chat_port: u16,
    api_port: u16,
    down: bool,
}

/// A variable that `cargo xtask` sets.
pub fn setting(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set; run this through `cargo xtask test` or `bench`")
    })
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// A program of ours, next to the test.
fn program(name: &str) -> PathBuf {
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
        let swarm = Self {
            name: name.to_owned(),
            manifests: manifests.to_owned(),
            home: tempfile::Builder::new()
                .prefix("agentchat-e2e-")
                .tempdir()
                .unwrap(),
            chat_port: free_port(),
            api_port: free_port(),
            down: false,
        };
        swarm.start();
        swarm
    }

    /// `agentctl up --detach`, also for a swarm that runs in part.
    pub fn start(&self) {
        let listen = format!("127.0.0.1:{}", self.api_port);
        let (socket, image) = (
            setting("AGENTCHAT_E2E_SOCKET"),
            setting("AGENTCHAT_E2E_IMAGE"),
        );
        let port = self.chat_port.to_string();
        self.agentctl(&[
            "up",
            "--detach",
            "-f",
            self.manifests.to_str().unwrap(),
            "--socket",
            &socket,
            "--agent-image",
            &image,
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

    fn try_agentctl(&self, args: &[&str]) -> Output {
        Command::new(program("agentctl"))
            .args(args)
            .env("AGENTCHAT_SWARM", &self.name)
            .env("XDG_STATE_HOME", self.home.path())
            .env_remove("KUBECONFIG")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    fn state(&self) -> PathBuf {
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
        until(&format!("Agent {agent} Ready"), async || {
            let object = self.get("agents.agentchat.dev", agent);
            let conditions = object["status"]["conditions"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            let ready = conditions
                .iter()
                .any(|c| c["type"] == "Ready" && c["status"] == "True");
            if ready && also(&object) {
                Ok(object)
            } else {
                Err(object["status"].clone())
            }
        })
        .await
    }

    /// A person in the chat.
    pub async fn person(&self) -> Person {
        let node = self.get("nodes.agentchat.dev", "server-1");
        let secret: Value = serde_json::from_str(&self.kubectl(&[
            "get",
            "secret",
            "-n",
            "agentchat-system",
            "server-1-chat-admin",
            "-o",
            "json",
        ]))
        .unwrap();
        let key = BASE64_STANDARD
            .decode(secret["data"]["key"].as_str().unwrap())
            .unwrap();
        let ca = node["status"]["caBundle"].as_str().unwrap();
        Person::join(self.chat_port, ca, std::str::from_utf8(&key).unwrap()).await
    }

    /// Host id of a service of the swarm, from its pid file.
    pub fn service_pid(&self, service: &str) -> i32 {
        let file = self.state().join(format!("{service}.pid"));
        let text =
            std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        text.split_whitespace().next().unwrap().parse().unwrap()
    }

    /// Containers of an agent of this swarm, running or not.
    pub async fn containers(&self, agent: &str) -> Vec<String> {
        let id = self.get("namespace", "kube-system")["metadata"]["uid"]
            .as_str()
            .unwrap()
            .to_owned();
        let filters =
            std::collections::HashMap::from([("label", vec![format!("agentchat.dev/swarm={id}")])]);
        let options = ListContainersOptionsBuilder::new()
            .all(true)
            .filters(&filters)
            .build();
        let all = docker().list_containers(Some(options)).await.unwrap();
        let of_agent = |labels: &std::collections::HashMap<String, String>| {
            labels
                .get("agentchat.dev/name")
                .is_some_and(|name| name == agent)
                && labels.get("agentchat.dev/swarm") == Some(&id)
        };
        all.into_iter()
            .filter(|c| c.labels.as_ref().is_some_and(of_agent))
            .filter_map(|c| c.id)
            .collect()
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
