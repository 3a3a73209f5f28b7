//! The server as its clients know it: the real program, real sockets, TLS.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where something unexpected happens"
)]

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use agentchat_client::{ChatMessage, Client, ClientError, Event, Events, Options};
use agentchat_protocol::Identity;
use tokio::time::timeout;

const ADMIN_KEY: &str = "an-admin-key-for-tests-only";
const DEADLINE: Duration = Duration::from_secs(20);

struct Server {
    child: Child,
    url: String,
    ca_pem: String,
    dir: tempfile::TempDir,
}

impl Server {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(dir.path().join("tls.crt"), made.cert.pem()).unwrap();
        std::fs::write(dir.path().join("tls.key"), made.signing_key.serialize_pem()).unwrap();
        std::fs::write(dir.path().join("admin.key"), ADMIN_KEY).unwrap();
        let (child, port) = spawn(dir.path(), "127.0.0.1:0");
        Self {
            child,
            url: format!("wss://localhost:{port}"),
            ca_pem: made.cert.pem(),
            dir,
        }
    }

    /// SIGKILL, and up again on the same port with the same data.
    fn kill_and_restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let port = self.url.rsplit(':').next().unwrap();
        self.child = spawn(self.dir.path(), &format!("127.0.0.1:{port}")).0;
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

    /// A client whose key is approved before it connects.
    async fn approved(&self, name: &str) -> (Client, Events) {
        let identity = Identity::generate().unwrap();
        let (stranger, _) = self.client("stranger", None);
        stranger
            .admin_approve(&identity.public_key_pem(), ADMIN_KEY, None)
            .await
            .unwrap();
        stranger.shutdown().await;
        let (client, events) = self.client(name, Some(identity));
        timeout(DEADLINE, client.connected())
            .await
            .unwrap()
            .unwrap();
        (client, events)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            self.child.wait().unwrap();
        }
    }
}

fn spawn(dir: &Path, listen: &str) -> (Child, u16) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_agentchat-server"))
        .args([
            "--listen",
            listen,
            "--rate-limit-ms",
            "0",
            "--frame-limit",
            "0",
        ])
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
    let port = line.trim().rsplit(':').next().unwrap().parse();
    (
        child,
        port.unwrap_or_else(|_| panic!("the server said {line:?}")),
    )
}

async fn next_message(events: &mut Events) -> ChatMessage {
    let next = async {
        loop {
            if let Event::Message(message) = events.recv().await.expect("the client ended") {
                return message;
            }
        }
    };
    timeout(DEADLINE, next).await.expect("no message in time")
}

#[tokio::test]
async fn unlisted_keys_and_visitors_are_refused() {
    let server = Server::start();
    for identity in [None, Some(Identity::generate().unwrap())] {
        let (client, _events) = server.client("stranger", identity);
        let refused = timeout(DEADLINE, client.connected()).await.unwrap();
        let code =
            matches!(&refused, Err(ClientError::Server { code, .. }) if code == "NOT_ALLOWED");
        assert!(code, "{refused:?}");
        let wrong = client.admin_approve("x", "not-the-admin-key", None).await;
        assert!(
            matches!(&wrong, Err(ClientError::Server { code, .. }) if code == "AUTH_REQUIRED"),
            "{wrong:?}"
        );
        client.shutdown().await;
    }
}

#[tokio::test]
async fn what_one_says_the_other_hears_also_after_a_kill() {
    let mut server = Server::start();
    let (ada, _a) = server.approved("ada").await;
    ada.create_channel("#general", false, false).await.unwrap();
    let (sam, mut heard) = server.approved("sam").await;
    let sent = ada.send("#general", "hello", None).await.unwrap();
    let message = next_message(&mut heard).await;
    assert_eq!(
        (message.content.as_str(), message.from_name.as_str()),
        ("hello", "ada")
    );
    assert_eq!(message.msg_id.as_deref(), Some(sent.msg_id.as_str()));
    assert_eq!((message.offset, message.replay), (Some(1), false));

    server.kill_and_restart();
    let (eve, mut replayed) = server.approved("eve").await;
    eve.join("#general").await.unwrap();
    let again = next_message(&mut replayed).await;
    assert_eq!((again.content.as_str(), again.replay), ("hello", true));
    assert_eq!(again.msg_id, message.msg_id);
    // The others come back by themselves, and the order goes on.
    let back = async {
        while ada.send("#general", "back", None).await.is_err() {
            tokio::task::yield_now().await
        }
    };
    timeout(DEADLINE, back)
        .await
        .expect("ada did not come back");
    let next = next_message(&mut replayed).await;
    assert_eq!((next.content.as_str(), next.offset), ("back", Some(2)));
    for client in [ada, sam, eve] {
        client.shutdown().await;
    }
}

#[tokio::test]
async fn a_refusal_names_its_reason_and_ends_nothing() {
    let server = Server::start();
    let (ada, _events) = server.approved("ada").await;
    let code = |result: Result<(), ClientError>| match result {
        Err(ClientError::Server { code, .. }) => code,
        other => panic!("{other:?}"),
    };
    assert_eq!(code(ada.join("#nowhere").await), "CHANNEL_NOT_FOUND");
    assert_eq!(code(ada.join("nowhere").await), "INVALID_MSG");
    assert_eq!(
        code(ada.send("#nowhere", "x", None).await.map(drop)),
        "CHANNEL_NOT_FOUND"
    );
    assert_eq!(
        code(ada.send("@someone", "x", None).await.map(drop)),
        "INVALID_MSG"
    );
    ada.create_channel("#a", false, false).await.unwrap();
    assert_eq!(
        code(ada.create_channel("#a", false, false).await),
        "CHANNEL_EXISTS"
    );
    ada.leave("#a").await.unwrap();
    assert_eq!(
        code(ada.send("#a", "x", None).await.map(drop)),
        "NOT_INVITED"
    );
    ada.set_presence("listening", Some("to you")).await.unwrap();
    ada.ping().await.unwrap();
    ada.shutdown().await;
}
