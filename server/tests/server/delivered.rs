//! Configuration and secrets that are delivered, as into a container.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use agentchat_contract::{
    DeliveredFile, Delivery, DeliveryDir, Layout, encode_delivery, server as paths,
};
use tokio::time::timeout;

use crate::{
    DEADLINE,
    process::{ADMIN_KEY, Server},
};

/// A container's file system, as far as it matters here.
struct Container {
    root: tempfile::TempDir,
    /// Where the server is told to listen.
    port: u16,
}

/// A certificate, its key, and a name for the server.
struct Given {
    cert: String,
    key: String,
    name: &'static str,
}

impl Given {
    fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        Self {
            cert: made.cert.pem(),
            key: made.signing_key.serialize_pem(),
            name: "first",
        }
    }
}

impl Container {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("etc/agentchat-server")).unwrap();
        Self { root, port: 0 }
    }

    fn path(&self, absolute: &str) -> String {
        let path = Layout::new(self.root.path().into()).path(absolute);
        path.display().to_string()
    }

    /// The server, its output, and what it logs.
    fn start(&self) -> (Child, BufReader<ChildStdout>, mpsc::Receiver<String>) {
        let mut child = program("serve", self.root.path())
            .arg("--delivered")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let errors = BufReader::new(child.stderr.take().unwrap());
        let (logged, log) = mpsc::channel();
        std::thread::spawn(move || {
            let lines = errors.lines().map_while(Result::ok);
            lines.map(|line| logged.send(line)).all(|sent| sent.is_ok())
        });
        (child, out, log)
    }

    fn deliver(&self, generation: u64, given: &Given) {
        let file = |dir, path: &str, contents: &str| DeliveredFile {
            dir,
            path: path.to_owned(),
            contents: contents.into(),
        };
        let settings = [
            format!("name: {}", given.name),
            format!("port: {}", self.port),
            format!("data_dir: {}", self.path(paths::DATA_DIR)),
            format!("tls_cert: {}", self.path(paths::TLS_CERT)),
            format!("tls_key: {}", self.path(paths::TLS_KEY)),
            format!("admin_key_file: {}", self.path(paths::ADMIN_KEY)),
        ];
        let delivery = Delivery {
            generation,
            files: vec![
                file(DeliveryDir::Config, "server.yaml", &settings.join("\n")),
                file(DeliveryDir::Secrets, "tls.crt", &given.cert),
                file(DeliveryDir::Secrets, "tls.key", &given.key),
                file(DeliveryDir::Secrets, "admin.key", ADMIN_KEY),
            ],
        };
        let mut receiver = program("receive", self.root.path())
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = receiver.stdin.take().unwrap();
        input.write_all(&encode_delivery(&delivery)).unwrap();
        drop(input);
        assert!(receiver.wait().unwrap().success());
    }

    /// What a memory file system has after a restart of its container.
    fn forget(&self) {
        for directory in [paths::CONFIG_DIR, paths::SECRETS_DIR] {
            std::fs::remove_dir_all(self.path(directory)).unwrap();
            std::fs::create_dir(self.path(directory)).unwrap();
        }
    }

    /// Delivers to a server that was just started, and waits until it listens.
    fn serve(&self, given: &Given) -> (Server, mpsc::Receiver<String>) {
        let (child, mut out, log) = self.start();
        assert_eq!(line(&mut out), "waiting for a delivery");
        self.deliver(1, given);
        let listening = line(&mut out);
        let port = listening.strip_prefix("listening on wss://127.0.0.1:");
        let port = port.unwrap_or_else(|| panic!("the server said {listening:?}"));
        let port = port.parse().unwrap();
        let dir = tempfile::tempdir().unwrap();
        (Server::started(child, port, given.cert.clone(), dir), log)
    }
}

fn program(verb: &str, root: &Path) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_agentchat-server"));
    program.arg(verb).arg("--root").arg(root);
    program
}

fn line(out: &mut impl BufRead) -> String {
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

fn terminate(child: &Child) {
    let pid = child.id().to_string();
    let sent = Command::new("kill").args(["-TERM", &pid]).status();
    assert!(sent.unwrap().success());
}

#[tokio::test]
async fn server_serves_by_what_was_delivered_and_again_after_a_kill_and_another_delivery() {
    let (mut container, given) = (Container::new(), Given::new());
    let (mut server, _log) = container.serve(&given);
    container.port = server.port();
    let identity = server.identity().await;
    let (ada, _events) = server.client("ada", Some(identity));
    timeout(DEADLINE, ada.connected()).await.unwrap().unwrap();
    ada.create_channel("#here", false, false).await.unwrap();
    ada.send("#here", "before the kill", None).await.unwrap();
    server.kill();
    container.forget();
    let (_server, _log) = container.serve(&given);
    // The same client comes back by itself: its key and the channel have lasted.
    let said = ada.send_once("#here", "after it", None, DEADLINE).await;
    said.unwrap();
    let said = ada.history("#here", None).await.unwrap();
    let said: Vec<_> = said
        .messages
        .iter()
        .map(|message| &*message.content)
        .collect();
    assert_eq!(said, ["before the kill", "after it"]);
}

#[test]
fn server_that_waits_for_a_delivery_ends_when_it_is_told_to() {
    let container = Container::new();
    let (mut child, mut out, _log) = container.start();
    assert_eq!(line(&mut out), "waiting for a delivery");
    terminate(&child);
    let deadline = Instant::now() + DEADLINE;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("it still waits: {:?}", child.wait());
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn delivered_certificate_counts_at_once_and_keeps_connections() {
    let (container, given) = (Container::new(), Given::new());
    let (mut server, log) = container.serve(&given);
    let (ada, _events) = server.approved("ada").await;
    let identity = server.identity().await;
    let next = Given::new();
    container.deliver(2, &next);
    server.ca_pem = Some(next.cert);
    // The client tries until the server has the certificate that it trusts.
    let (sam, _events) = server.client("sam", Some(identity));
    sam.connected_within(DEADLINE).await.unwrap();
    ada.ping().await.unwrap();
    let restart = |line: String| line.contains("restart");
    assert!(!log.try_iter().any(restart), "the settings are the same");
}

#[test]
fn delivered_settings_that_need_a_restart_are_named_in_the_log() {
    let (container, given) = (Container::new(), Given::new());
    let (_server, log) = container.serve(&given);
    let name = "second";
    container.deliver(2, &Given { name, ..given });
    let mut logged = vec![];
    while let Ok(line) = log.recv_timeout(DEADLINE) {
        if line.contains("restart the server") {
            return;
        }
        logged.push(line);
    }
    panic!("{logged:#?}");
}

#[test]
fn missing_configuration_directory_and_a_second_configuration_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let refused = |arguments: &[&str]| {
        let output = program("serve", root.path())
            .arg("--delivered")
            .args(arguments)
            .output()
            .unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let error = refused(&[]);
    assert!(
        error.contains("etc/agentchat-server can't be watched; mount"),
        "{error}"
    );
    let config = root.path().join("etc/agentchat-server");
    std::fs::create_dir_all(&config).unwrap();
    std::fs::write(config.join(".complete"), "1").unwrap();
    let error = refused(&["--config", "/dev/null"]);
    assert!(
        error.contains("--config and --delivered don't go together"),
        "{error}"
    );
    let error = refused(&[]);
    assert!(error.contains("server.yaml can't be read"), "{error}");
}
