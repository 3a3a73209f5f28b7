//! A swarm with a state folder of its own, and an `agentctl up` of it, looked at while it runs.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::PathBuf,
    process::{Child, ChildStderr, ChildStdout, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    time::{Duration, Instant},
};

use crate::idle_engine;

/// Longest wait for the end of an `up`.
const LONG: Duration = Duration::from_secs(120);

/// One swarm's sandbox.
pub struct Sandbox {
    swarm: &'static str,
    folder: tempfile::TempDir,
    ports: [u16; 2],
    engine: Engine,
}

/// What the swarm runs on.
enum Engine {
    /// One that answers and does nothing.
    Idle(PathBuf),
    /// Podman.
    Real,
}

/// An `up` that runs.
pub struct RunningUp {
    child: Child,
    stdout: Option<ChildStdout>,
    lines: Receiver<String>,
    stderr: String,
}

/// An `up` that has ended.
pub struct EndedUp {
    /// Its exit code.
    pub code: Option<i32>,
    /// All of its standard error.
    pub stderr: String,
}

impl Sandbox {
    /// On an engine that does nothing.
    pub fn idle(swarm: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("podman.sock");
        idle_engine::listen(&socket);
        Self::new(swarm, folder, Engine::Idle(socket))
    }

    /// On Podman.
    pub fn real(swarm: &'static str) -> Self {
        Self::new(swarm, tempfile::tempdir().unwrap(), Engine::Real)
    }

    fn new(swarm: &'static str, folder: tempfile::TempDir, engine: Engine) -> Self {
        let ports = [(); 2].map(|()| {
            let free = TcpListener::bind("127.0.0.1:0").unwrap();
            free.local_addr().unwrap().port()
        });
        Self {
            swarm,
            folder,
            ports,
            engine,
        }
    }

    /// A file in it.
    pub fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Starts an `up --detach` of the quickstart, and of what the words say.
    pub fn up(&self, words: &[&str]) -> RunningUp {
        let quickstart = concat!(env!("CARGO_MANIFEST_DIR"), "/../manifests/quickstart");
        let words = [&["--detach", "-f", quickstart], words].concat();
        self.start(&words, Stdio::null())
    }

    /// Starts an `up --detach` of a manifest.
    pub fn up_of(&self, file: &str) -> RunningUp {
        self.start(&["--detach", "-f", file], Stdio::null())
    }

    /// Starts `agentctl` with these words.
    pub fn run(&self, words: &[&str]) -> RunningUp {
        let mut command = self.agentctl(words[0]);
        command.args(&words[1..]).stdout(Stdio::null());
        watched(&mut command)
    }

    /// The engine goes, and does not come back.
    pub fn remove_engine(&self) {
        if let Engine::Idle(socket) = &self.engine {
            fs::remove_file(socket).unwrap();
        }
    }

    /// Starts an `up` of a chat server alone that stays, its standard output in a pipe.
    pub fn stay(&self) -> RunningUp {
        let node = "apiVersion: agentchat.dev/v1alpha1\nkind: Node\nmetadata: {name: server-1}\n\
                    spec: {role: Server, machine: {local: {}}}\n";
        let file = self.file("server.yaml", node);
        self.start(&["-f", &file], Stdio::piped())
    }

    fn start(&self, words: &[&str], stdout: Stdio) -> RunningUp {
        let [api, chat] = self.ports.map(|port| port.to_string());
        let listen = format!("127.0.0.1:{api}");
        let mut command = self.agentctl("up");
        command
            .args(["--api-listen", &listen, "--chat-port", &chat])
            .args(words)
            .stdout(stdout);
        let images = [
            ("--agent-image", "AGENTCHAT_E2E_IMAGE"),
            ("--server-image", "AGENTCHAT_E2E_SERVER_IMAGE"),
            ("--model-image", "AGENTCHAT_E2E_MODEL_IMAGE"),
        ];
        for (flag, variable) in images {
            match &self.engine {
                Engine::Idle(_) => command.args([flag, "x"]),
                Engine::Real => command.args([flag, &setting(variable)]),
            };
        }
        match &self.engine {
            Engine::Idle(socket) => command.arg("--socket").arg(socket),
            Engine::Real => command.args(["--socket", &setting("AGENTCHAT_E2E_SOCKET")]),
        };
        watched(&mut command)
    }

    fn agentctl(&self, verb: &str) -> Command {
        let mut command = Command::new(program("agentctl"));
        command
            .args([verb, "--swarm", self.swarm])
            .env("XDG_STATE_HOME", self.folder.path().join("state"))
            .env("AGENTCHAT_NO_SYSTEMD", "1")
            .stdin(Stdio::null());
        command
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state/agentchat").join(self.swarm)
    }

    /// Kills a process of the swarm.
    pub fn kill(&self, process: &str) {
        let text = fs::read_to_string(self.state().join(format!("{process}.pid"))).unwrap();
        signal(text.split(' ').next().unwrap(), "KILL");
    }

    /// Waits until the operator runs again after a crash.
    pub fn until_restarted(&self) {
        let deadline = Instant::now() + LONG;
        let read = || fs::read_to_string(self.state().join("agentchat-operator.pid"));
        while !read().is_ok_and(|text| text.trim_end().ends_with(" 1")) {
            assert!(Instant::now() < deadline, "the operator does not come back");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Fails when a process, a port or a file of the swarm is left.
    pub fn is_empty(&self) {
        let state = self.folder.path().join("state");
        let left: Vec<_> = fs::read_dir(&state).unwrap().flatten().collect();
        assert!(left.is_empty(), "left: {left:?}");
        self.is_down();
    }

    /// Fails when a process or a port of the swarm is left.
    pub fn is_down(&self) {
        for port in self.ports {
            assert!(
                TcpListener::bind(("127.0.0.1", port)).is_ok(),
                "port {port} is taken"
            );
        }
        let mine = self.folder.path().to_str().unwrap();
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let words = String::from_utf8_lossy(&words).replace('\0', " ");
            assert!(!words.contains(mine), "a process is left: {words}");
        }
    }
}

impl Drop for RunningUp {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for Sandbox {
    /// Removes what a test has left.
    fn drop(&mut self) {
        if self.state().exists() {
            drop(self.agentctl("down").arg("--purge").output());
        }
    }
}

impl RunningUp {
    /// Reads until a line says this.
    pub fn until(&mut self, what: &str) {
        let deadline = Instant::now() + LONG;
        while !self.stderr.contains(what) {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => self.stderr.push_str(&line),
                Err(error) => panic!("no {what:?}, {error}: {}", self.stderr),
            }
        }
    }

    /// Reads standard output no more, as `tee` that was ended.
    pub fn leave(&mut self) {
        drop(self.stdout.take());
    }

    /// Sends a signal.
    pub fn signal(&self, name: &str) {
        signal(&self.child.id().to_string(), name);
    }

    /// Waits for its end.
    pub fn end(mut self) -> EndedUp {
        let deadline = Instant::now() + LONG;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => self.stderr.push_str(&line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it does not end: {}", self.stderr),
            }
        }
        let code = self.child.wait().unwrap().code();
        EndedUp {
            code,
            stderr: std::mem::take(&mut self.stderr),
        }
    }
}

impl EndedUp {
    /// Fails unless the last message has these words, which are there only once.
    pub fn says(&self, words: &str) {
        let at = self.stderr.rfind("\nerror: ");
        let message = at.map_or(self.stderr.as_str(), |at| &self.stderr[at..]);
        assert!(
            message.contains(words),
            "{words:?} is not in {:?}: {}",
            message,
            self.stderr
        );
    }
}

/// Starts a program whose standard error is looked at while it runs.
fn watched(command: &mut Command) -> RunningUp {
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    RunningUp {
        stdout: child.stdout.take(),
        lines: lines(child.stderr.take().unwrap()),
        child,
        stderr: String::new(),
    }
}

/// The lines of a stream, as they come.
fn lines(stream: ChildStderr) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        while stream.read_line(&mut line).unwrap() > 0 {
            // A test that has failed listens no more.
            drop(sender.send(std::mem::take(&mut line)));
        }
    });
    receiver
}

fn signal(pid: &str, name: &str) {
    let line = format!("kill -{name} {pid}");
    let status = Command::new("sh").args(["-c", &line]).status().unwrap();
    assert!(status.success(), "{line}");
}

/// A variable that `cargo xtask test` sets.
fn setting(name: &str) -> String {
    let set = std::env::var(name);
    set.unwrap_or_else(|_| panic!("{name} is not set; run this through `cargo xtask test`"))
}

/// A program of ours, next to the test.
fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.parent().unwrap().parent().unwrap().join(name);
    assert!(
        path.exists(),
        "{} is not built; run this through `cargo xtask test`",
        path.display()
    );
    path
}
