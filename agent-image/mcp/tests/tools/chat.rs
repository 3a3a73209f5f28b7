//! A chat server, and people in it.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Once,
    time::Duration,
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
    /// Of its certificate, which is its own authority.
    pub ca_pem: String,
    rate_limit_ms: u32,
    dir: tempfile::TempDir,
}

impl Server {
    /// With this many milliseconds between two messages of one agent.
    pub fn start(rate_limit_ms: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let ca_pem = certify(dir.path());
        let (child, port) = serve(dir.path(), 0, rate_limit_ms);
        Self {
            child,
            url: format!("wss://localhost:{port}"),
            ca_pem,
            rate_limit_ms,
            dir,
        }
    }

    /// Makes the certificate of another authority, which it has from its next start on.
    pub fn certify(&mut self) {
        self.ca_pem = certify(self.dir.path());
    }

    /// Kills it and starts it again in the same place, with what it knew.
    pub fn restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let port = self.url.rsplit(':').next().unwrap().parse().unwrap();
        (self.child, _) = serve(self.dir.path(), port, self.rate_limit_ms);
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

    /// The names of those who are in a channel.
    pub async fn who(&self, channel: &str) -> Vec<String> {
        let agents = self.client.list_agents(channel).await.unwrap();
        agents.into_iter().map(|agent| agent.name).collect()
    }

    /// Waits until an agent is in a channel, or until it is not.
    pub async fn sees(&self, agent: &str, channel: &str, there: bool) {
        let look = async {
            loop {
                // A person who lost the connection waits for the next.
                if let Ok(who) = self.client.list_agents(channel).await
                    && who.iter().any(|other| other.name == agent) == there
                {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let seen = timeout(DEADLINE, look).await;
        assert!(seen.is_ok(), "{agent} is in {channel}: {}", !there);
    }

    /// The next message of somebody else.
    pub async fn receive(&mut self) -> ChatMessage {
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

/// Writes a key and its certificate; gives the latter.
fn certify(dir: &Path) -> String {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    fs::write(dir.join("tls.crt"), made.cert.pem()).unwrap();
    fs::write(dir.join("tls.key"), made.signing_key.serialize_pem()).unwrap();
    made.cert.pem()
}

/// Starts a server; gives its port.
fn serve(dir: &Path, port: u16, rate_limit_ms: u32) -> (Child, u16) {
    fs::write(dir.join("admin.key"), ADMIN_KEY).unwrap();
    let mut child = Command::new(program())
        .args([
            "--listen",
            &format!("127.0.0.1:{port}"),
            "--frame-limit",
            "0",
        ])
        .args(["--rate-limit-ms", &rate_limit_ms.to_string()])
        .arg("--data-dir")
        .arg(dir.join("data"))
        .arg("--tls-cert")
        .arg(dir.join("tls.crt"))
        .arg("--tls-key")
        .arg(dir.join("tls.key"))
        .arg("--admin-key-file")
        .arg(dir.join("admin.key"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    (
        child,
        line.trim().rsplit(':').next().unwrap().parse().unwrap(),
    )
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
