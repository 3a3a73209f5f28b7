//! The real program, and clients that may come in.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use agentchat_client::{Client, Events, Options};
use agentchat_protocol::Identity;
use tokio::time::timeout;

use crate::{DEADLINE, raw::Raw};

pub const ADMIN_KEY: &str = "an-admin-key-for-tests-only";

/// A server with a folder of its own; killed when it goes out of scope.
pub struct Server {
    child: Child,
    pub url: String,
    pub ca_pem: Option<String>,
    pub dir: tempfile::TempDir,
    args: Vec<String>,
}

impl Server {
    /// A private server that speaks TLS.
    pub fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let file = |name: &str, contents: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, contents).unwrap();
            path.display().to_string()
        };
        let args = [
            "--tls-cert".to_owned(),
            file("tls.crt", &made.cert.pem()),
            "--tls-key".to_owned(),
            file("tls.key", &made.signing_key.serialize_pem()),
        ];
        Self::spawn(dir, args.to_vec(), Some(made.cert.pem()))
    }

    /// One that speaks plain WebSocket, with these arguments.
    pub fn plain(args: &[&str]) -> Self {
        let args = args.iter().map(|&arg| arg.to_owned()).collect();
        Self::spawn(tempfile::tempdir().unwrap(), args, None)
    }

    /// A public one that makes no announcements.
    pub fn public(args: &[&str]) -> Self {
        let public = ["--profile", "public", "--announcements", "false"];
        Self::plain(&[&public, args].concat())
    }

    /// A public one as the protocol has it, without an operator, who would have an allowlist.
    pub fn protocol(args: &[&str]) -> Self {
        let public = ["--profile", "public", "--admin-key-file", ""];
        Self::plain(&[&public, args].concat())
    }

    fn spawn(dir: tempfile::TempDir, args: Vec<String>, ca_pem: Option<String>) -> Self {
        std::fs::write(dir.path().join("admin.key"), ADMIN_KEY).unwrap();
        let (child, port) = spawn(dir.path(), "127.0.0.1:0", &args);
        let url = match ca_pem {
            Some(_) => format!("wss://localhost:{port}"),
            None => format!("ws://127.0.0.1:{port}"),
        };
        Self {
            child,
            url,
            ca_pem,
            dir,
            args,
        }
    }

    /// One that was started by other means, and can't be restarted.
    pub fn started(child: Child, port: u16, ca_pem: String, dir: tempfile::TempDir) -> Self {
        Self {
            child,
            url: format!("wss://localhost:{port}"),
            ca_pem: Some(ca_pem),
            dir,
            args: vec![],
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn port(&self) -> u16 {
        self.url.rsplit(':').next().unwrap().parse().unwrap()
    }

    /// SIGKILL, and up again on the same port with the same data.
    pub fn kill_and_restart(&mut self) {
        self.kill();
        self.restart();
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Up again on the same port with the same data.
    pub fn restart(&mut self) {
        let listen = format!("127.0.0.1:{}", self.port());
        self.child = spawn(self.dir.path(), &listen, &self.args).0;
    }

    /// SIGTERM, and how the program ended; panics when it does not in time.
    pub async fn terminate(&mut self, within: Duration) -> ExitStatus {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(sent.unwrap().success());
        let ended = async {
            loop {
                if let Some(status) = self.child.try_wait().unwrap() {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let ended = timeout(within, ended).await;
        ended.expect("the server did not end in time after SIGTERM")
    }

    /// Begins to start on the same data, and gives the process before it listens.
    pub fn begin_to_start(&self) -> Child {
        let listen = format!("127.0.0.1:{}", self.port());
        let child = command(self.dir.path(), &listen, &self.args).spawn();
        child.unwrap()
    }

    pub fn client(&self, name: &str, identity: Option<Identity>) -> (Client, Events) {
        self.client_in(name, identity, &[])
    }

    /// A client with channels to be in at all times.
    pub fn client_in(
        &self,
        name: &str,
        identity: Option<Identity>,
        channels: &[&str],
    ) -> (Client, Events) {
        Client::start(self.options(&self.url, name, identity, channels))
    }

    /// How to reach the server by another address.
    pub fn options(
        &self,
        url: &str,
        name: &str,
        identity: Option<Identity>,
        channels: &[&str],
    ) -> Options {
        Options {
            url: url.to_owned(),
            ca_pem: self.ca_pem.clone(),
            name: name.to_owned(),
            identity,
            channels: channels.iter().map(|&channel| channel.to_owned()).collect(),
        }
    }

    /// A key that the server lets in.
    pub async fn identity(&self) -> Identity {
        let identity = Identity::generate().unwrap();
        let (stranger, _) = self.client("stranger", None);
        stranger
            .admin_approve(&identity.public_key_pem(), ADMIN_KEY, None)
            .await
            .unwrap();
        stranger.shutdown().await;
        identity
    }

    /// A client whose key is approved before it connects.
    pub async fn approved(&self, name: &str) -> (Client, Events) {
        let (client, events) = self.client(name, Some(self.identity().await));
        timeout(DEADLINE, client.connected())
            .await
            .unwrap()
            .unwrap();
        (client, events)
    }

    /// A bare WebSocket; the server must be a plain one.
    pub async fn raw(&self) -> Raw {
        Raw::connect(self.port()).await
    }

    /// A bare WebSocket of somebody who has come in without a key.
    pub async fn visitor(&self, name: &str) -> Raw {
        let mut raw = self.raw().await;
        raw.visit(name).await;
        raw
    }

    /// A bare WebSocket behind which a key is proven that nobody approved; and the agent, with `@`.
    pub async fn keyed(&self, name: &str) -> (Raw, String) {
        let identity = Identity::generate().unwrap();
        let mut raw = self.raw().await;
        raw.enter(name, &identity).await;
        (raw, format!("@{}", identity.agent_id()))
    }

    /// A bare WebSocket behind which an approved key is proven.
    pub async fn raw_approved(&self, name: &str) -> Raw {
        let identity = self.identity().await;
        let mut raw = self.raw().await;
        raw.prove(name, &identity).await;
        raw.hear("WELCOME").await;
        raw
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            self.child.wait().unwrap();
        }
    }
}

fn command(dir: &Path, listen: &str, args: &[String]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agentchat-server"));
    command
        .args(["--listen", listen])
        .args(["--rate-limit-ms", "0", "--frame-limit", "0"])
        .arg("--data-dir")
        .arg(dir.join("data"))
        .arg("--admin-key-file")
        .arg(dir.join("admin.key"))
        .args(args)
        .stdout(Stdio::piped());
    command
}

fn spawn(dir: &Path, listen: &str, args: &[String]) -> (Child, u16) {
    let mut child = command(dir, listen, args).spawn().unwrap();
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
