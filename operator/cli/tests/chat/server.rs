//! A chat server, and agents in it.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Once,
};

use agentchat_client::{ChatMessage, Client, Event, Events, Options};
use agentchat_protocol::Identity;
use tokio::time::timeout;

use crate::DEADLINE;

const ADMIN_KEY: &str = "an-admin-key-for-tests-only";

/// A server with a folder of its own; killed when it goes out of scope.
pub struct Server {
    child: Child,
    pub url: String,
    args: Vec<String>,
    dir: tempfile::TempDir,
}

/// Somebody in the chat.
pub struct Peer {
    pub chat: Client,
    events: Events,
    pub id: String,
}

impl Server {
    /// One for everybody, without an operator.
    pub fn open(args: &[&str]) -> Self {
        let open = ["--profile", "public", "--admin-key-file", ""];
        let calm = ["--announcements", "false", "--lurk-disabled", "true"];
        Self::start(&[&open[..], &calm, args].concat())
    }

    /// One for everybody, with an operator.
    pub fn kept() -> Self {
        let open = ["--profile", "public", "--announcements", "false"];
        Self::start(&[&open[..], &["--lurk-disabled", "true"]].concat())
    }

    /// One for approved keys only.
    pub fn closed() -> Self {
        Self::start(&["--profile", "private", "--announcements", "false"])
    }

    /// One for everybody that speaks TLS; and the file with its CA.
    pub fn encrypted() -> (Self, String) {
        let dir = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let file = |name: &str, contents: &str| {
            let path = dir.path().join(name);
            fs::write(&path, contents).unwrap();
            path.display().to_string()
        };
        let cert = file("tls.crt", &made.cert.pem());
        let key = file("tls.key", &made.signing_key.serialize_pem());
        let open = ["--profile", "public", "--admin-key-file", ""];
        let tls = ["--tls-cert", &cert, "--tls-key", &key];
        let mut server = Self::start_in(dir, &[open, tls].concat());
        server.url = server.url.replace("ws://127.0.0.1", "wss://localhost");
        (server, cert)
    }

    fn start(args: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), args)
    }

    fn start_in(dir: tempfile::TempDir, args: &[&str]) -> Self {
        fs::write(dir.path().join("admin.key"), ADMIN_KEY).unwrap();
        let args: Vec<_> = args.iter().map(|&arg| arg.to_owned()).collect();
        let (child, port) = spawn(dir.path(), "127.0.0.1:0", &args);
        Self {
            child,
            url: format!("ws://127.0.0.1:{port}"),
            args,
            dir,
        }
    }

    /// The file with its admin key.
    pub fn key_file(&self) -> String {
        self.dir.path().join("admin.key").display().to_string()
    }

    /// SIGKILL, and up again on the same port with the same data.
    pub fn kill_and_restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let listen = self.url.trim_start_matches("ws://").to_owned();
        self.child = spawn(self.dir.path(), &listen, &self.args).0;
    }

    /// Somebody with a key comes in.
    pub async fn peer(&self, name: &str) -> Peer {
        let identity = Identity::generate().unwrap();
        let id = format!("@{}", identity.agent_id());
        let (chat, events) = Client::start(Options {
            url: self.url.clone(),
            ca_pem: None,
            name: name.to_owned(),
            identity: Some(identity),
            channels: vec![],
        });
        timeout(DEADLINE, chat.connected()).await.unwrap().unwrap();
        Peer { chat, events, id }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have been killed already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Peer {
    /// The next message of somebody else.
    pub async fn hear(&mut self) -> ChatMessage {
        let next = async {
            loop {
                match self.events.recv().await.unwrap() {
                    Event::Message(message) if message.from != self.id => return message,
                    _ => {}
                }
            }
        };
        timeout(DEADLINE, next).await.expect("no message in time")
    }

    /// The next refusal at the door, or the reason of the next disconnection.
    pub async fn sent_away(&mut self) -> String {
        let next = async {
            loop {
                match self.events.recv().await.unwrap() {
                    Event::Disconnected { reason } => return reason,
                    Event::Refused { code, message } => return format!("{code}: {message}"),
                    _ => {}
                }
            }
        };
        timeout(DEADLINE, next).await.expect("nothing in time")
    }

    /// Waits until it is let in again.
    pub async fn comes_in(&mut self) {
        let next =
            async { while !matches!(self.events.recv().await.unwrap(), Event::Connected(_)) {} };
        timeout(DEADLINE, next).await.expect("not let in in time");
    }

    pub async fn say(&self, channel: &str, text: &str) {
        self.chat
            .send_once(channel, text, None, DEADLINE)
            .await
            .unwrap();
    }
}

fn spawn(dir: &Path, listen: &str, args: &[String]) -> (Child, u16) {
    let mut child = Command::new(program())
        .args(["--listen", listen])
        .args(["--rate-limit-ms", "0", "--frame-limit", "0"])
        .arg("--data-dir")
        .arg(dir.join("data"))
        .arg("--admin-key-file")
        .arg(dir.join("admin.key"))
        .args(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let port = line.trim().rsplit(':').next().unwrap().parse();
    (child, port.unwrap_or_else(|_| panic!("it said {line:?}")))
}

/// The server's program, next to the test; built when it is not there.
fn program() -> PathBuf {
    static BUILT: Once = Once::new();
    let test = std::env::current_exe().unwrap();
    let path = test.parent().unwrap().with_file_name("agentchat-server");
    BUILT.call_once(|| {
        if !path.exists() {
            let build = ["build", "--quiet", "--package", "agentchat-server"];
            let built = Command::new(env!("CARGO")).args(build).status().unwrap();
            assert!(built.success());
        }
    });
    path
}
