//! The real chat server, started with the keys that the Node controller makes, as `agentctl up` does.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use agentchat_api::{
    ADMIN_KEY_KEY, IDENTITY_KEY, SYSTEM_NAMESPACE, chat_admin_secret, chat_ca_secret,
    chat_tls_secret, identity_secret,
};
use agentchat_client::{Client as Chat, Options};
use agentchat_protocol::Identity;
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{Api, Client};

use crate::wait::{DEADLINE, until};

/// A chat server; killed when it goes out of scope.
pub struct ChatServer {
    node: String,
    child: Child,
    folder: PathBuf,
    port: u16,
}

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

impl ChatServer {
    /// Starts the server of a Node as soon as its keys are there.
    pub async fn start(client: &Client, node: &str, port: u16, folder: &Path) -> Self {
        let tls = secret(client, SYSTEM_NAMESPACE, &chat_tls_secret(node)).await;
        let admin = secret(client, SYSTEM_NAMESPACE, &chat_admin_secret(node)).await;
        let folder = folder.join(node);
        std::fs::create_dir_all(&folder).unwrap();
        for (name, from, key) in [
            ("tls.crt", &tls, "tls.crt"),
            ("tls.key", &tls, "tls.key"),
            ("admin.key", &admin, ADMIN_KEY_KEY),
        ] {
            std::fs::write(folder.join(name), &from[key].0).unwrap();
        }
        let child = spawn(&folder, port);
        Self {
            node: node.to_owned(),
            child,
            folder,
            port,
        }
    }

    /// How it is reached.
    pub fn url(&self) -> String {
        format!("wss://localhost:{}", self.port)
    }

    /// Its CA's certificate, and its admin key.
    pub async fn administration(&self, client: &Client) -> (String, String) {
        let admin = chat_admin_secret(&self.node);
        let admin = secret(client, SYSTEM_NAMESPACE, &admin).await;
        let ca = secret(client, SYSTEM_NAMESPACE, &chat_ca_secret(&self.node)).await;
        (text(&ca, "ca.crt"), text(&admin, ADMIN_KEY_KEY))
    }

    /// Ids of agents on its allowlist, without `@`.
    pub async fn allowed_ids(&self, client: &Client) -> Vec<String> {
        let (ca, admin_key) = self.administration(client).await;
        let (chat, _events) = Chat::start(Options {
            url: self.url(),
            ca_pem: Some(ca),
            name: "test".to_owned(),
            identity: None,
            channels: vec![],
        });
        let list = chat.admin_list(&admin_key).await.unwrap_or_default();
        chat.shutdown().await;
        let id = |id: &String| id.trim_start_matches('@').to_owned();
        list.iter().map(|entry| id(&entry.agent_id)).collect()
    }

    /// Waits until it lets an agent in with the agent's own key.
    pub async fn lets_in(&self, client: &Client, agent: &str) {
        let key = secret(client, "default", &identity_secret(agent)).await;
        let ca = secret(client, SYSTEM_NAMESPACE, &chat_ca_secret(&self.node)).await;
        until(&format!("{agent} is let in"), async || {
            let identity = Identity::from_pkcs8_pem(&text(&key, IDENTITY_KEY)).unwrap();
            let (chat, _events) = Chat::start(Options {
                url: self.url(),
                ca_pem: Some(text(&ca, "ca.crt")),
                name: agent.to_owned(),
                identity: Some(identity),
                channels: vec![],
            });
            let welcome = chat.connected_within(DEADLINE).await;
            chat.shutdown().await;
            welcome
        })
        .await;
    }

    /// Ends it, and forgets what it knew.
    pub fn kill_and_wipe(&mut self) {
        self.kill();
        std::fs::remove_dir_all(self.folder.join("data")).unwrap();
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again.
    pub fn start_again(&mut self) {
        self.child = spawn(&self.folder, self.port);
    }
}

impl Drop for ChatServer {
    fn drop(&mut self) {
        // It may have been killed already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn text(data: &BTreeMap<String, ByteString>, key: &str) -> String {
    String::from_utf8(data[key].0.clone()).unwrap()
}

/// What a Secret holds, once it is there.
async fn secret(client: &Client, namespace: &str, name: &str) -> BTreeMap<String, ByteString> {
    let api = Api::<Secret>::namespaced(client.clone(), namespace);
    until(&format!("Secret {name}"), async || {
        let found = api.get_opt(name).await.unwrap();
        found.and_then(|secret| secret.data).ok_or("absent")
    })
    .await
}

/// The server's program, next to the test.
fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.parent().unwrap().with_file_name("agentchat-server");
    assert!(
        path.exists(),
        "{} is not there; build it with `cargo xtask build`",
        path.display()
    );
    path
}

fn spawn(folder: &Path, port: u16) -> Child {
    let mut child = Command::new(program())
        .args(["--listen", &format!("127.0.0.1:{port}")])
        .args(["--rate-limit-ms", "0", "--frame-limit", "0"])
        .arg("--data-dir")
        .arg(folder.join("data"))
        .arg("--tls-cert")
        .arg(folder.join("tls.crt"))
        .arg("--tls-key")
        .arg(folder.join("tls.key"))
        .arg("--admin-key-file")
        .arg(folder.join("admin.key"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert!(line.contains("listening"), "the server said {line:?}");
    child
}
