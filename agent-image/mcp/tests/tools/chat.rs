//! A chat server, and people in it.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Once,
};

use agentchat_client::{ChatMessage, Client, Event, Events, Options};
use agentchat_protocol::Identity;
use tokio::time::timeout;

use crate::DEADLINE;

const ADMIN_KEY: &str = "an-admin-key-for-tests-only";

/// A private server with no channels.
pub struct Server {
    child: Child,
    pub url: String,
    pub ca_pem: String,
    _dir: tempfile::TempDir,
}

impl Server {
    /// With this many milliseconds between two messages of one agent.
    pub fn start(rate_limit_ms: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let file = |name: &str, contents: &str| {
            fs::write(dir.path().join(name), contents).unwrap();
            dir.path().join(name)
        };
        let mut child = Command::new(program())
            .args(["--listen", "127.0.0.1:0", "--frame-limit", "0"])
            .args(["--rate-limit-ms", &rate_limit_ms.to_string()])
            .arg("--data-dir")
            .arg(dir.path().join("data"))
            .arg("--tls-cert")
            .arg(file("tls.crt", &made.cert.pem()))
            .arg("--tls-key")
            .arg(file("tls.key", &made.signing_key.serialize_pem()))
            .arg("--admin-key-file")
            .arg(file("admin.key", ADMIN_KEY))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let port: u16 = line.trim().rsplit(':').next().unwrap().parse().unwrap();
        Self {
            child,
            url: format!("wss://localhost:{port}"),
            ca_pem: made.cert.pem(),
            _dir: dir,
        }
    }

    fn client(&self, name: &str, identity: Option<Identity>) -> (Client, Events) {
        Client::start(Options {
            url: self.url.clone(),
            ca_pem: Some(self.ca_pem.clone()),
            name: name.to_owned(),
            identity,
            channels: vec![],
        })
    }

    /// Lets a key in.
    pub async fn approve(&self, identity: &Identity) {
        let (stranger, _) = self.client("stranger", None);
        stranger
            .admin_approve(&identity.public_key_pem(), ADMIN_KEY, None)
            .await
            .unwrap();
        stranger.shutdown().await;
    }

    /// Somebody else in the chat.
    pub async fn person(&self, name: &str) -> Person {
        let identity = Identity::generate().unwrap();
        self.approve(&identity).await;
        let (client, events) = self.client(name, Some(identity));
        timeout(DEADLINE, client.connected())
            .await
            .unwrap()
            .unwrap();
        Person { client, events }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Somebody else in the chat.
pub struct Person {
    pub client: Client,
    events: Events,
}

impl Person {
    /// Says something in `#general`; gives the message's id.
    pub async fn say(&self, content: &str) -> String {
        self.client
            .send("#general", content, None)
            .await
            .unwrap()
            .msg_id
    }

    /// The next message of somebody else.
    pub async fn hear(&mut self) -> ChatMessage {
        let own = self.client.connected().await.unwrap().agent_id;
        let next = async {
            loop {
                match self.events.recv().await.expect("the client ended") {
                    Event::Message(message) if message.from != own => return message,
                    _ => {}
                }
            }
        };
        timeout(DEADLINE, next).await.expect("no message in time")
    }
}

/// The server's program, next to the test. It is another package's, so that Cargo builds it only where the
/// whole workspace is tested.
fn program() -> PathBuf {
    static BUILT: Once = Once::new();
    let test = env::current_exe().unwrap();
    let path = test
        .parent()
        .unwrap()
        .parent()
        .unwrap()
        .join("agentchat-server");
    BUILT.call_once(|| {
        if !path.exists() {
            let build = ["build", "--quiet", "--package", "agentchat-server"];
            assert!(
                Command::new(env!("CARGO"))
                    .args(build)
                    .status()
                    .unwrap()
                    .success()
            );
        }
    });
    path
}
