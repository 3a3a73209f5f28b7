//! A swarm on an engine that does nothing, and an `agentctl up` of it, looked at while it runs.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::PathBuf,
    process::{Child, ChildStderr, ChildStdout, Command, Stdio},
    sync::{
        Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    time::{Duration, Instant},
};

use crate::idle_engine;

/// Longest wait for the end of an `up`.
const LONG: Duration = Duration::from_secs(120);

/// One swarm's place.
pub struct Place {
    swarm: &'static str,
    folder: tempfile::TempDir,
    ports: [u16; 2],
    /// One at a time: two that start at the same moment find the same port free for their scripted models.
    _turn: MutexGuard<'static, ()>,
}

/// An `up` that runs.
pub struct Up {
    child: Child,
    stdout: Option<ChildStdout>,
    stderr: Receiver<String>,
    said: String,
}

/// An `up` that has ended.
pub struct End {
    /// Its exit code.
    pub code: Option<i32>,
    /// All that it said.
    pub said: String,
}

impl Place {
    /// A place with an engine.
    pub fn new(swarm: &'static str) -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().unwrap();
        idle_engine::listen(&folder.path().join("podman.sock"));
        let ports = [(); 2].map(|()| {
            let free = TcpListener::bind("0.0.0.0:0").unwrap();
            free.local_addr().unwrap().port()
        });
        Self {
            swarm,
            folder,
            ports,
            _turn: turn,
        }
    }

    /// A file in it.
    pub fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Starts an `up --detach` of the quickstart, and of what the words say.
    pub fn up(&self, words: &[&str]) -> Up {
        let quickstart = concat!(env!("CARGO_MANIFEST_DIR"), "/../manifests/quickstart");
        let words = [&["--detach", "-f", quickstart], words].concat();
        self.start(&words, Stdio::null())
    }

    /// Starts an `up` of a chat server alone that stays, its standard output in a pipe.
    pub fn stay(&self) -> Up {
        let node = "apiVersion: agentchat.dev/v1alpha1\nkind: Node\nmetadata: {name: server-1}\n\
                    spec: {role: Server, machine: {local: {}}}\n";
        let file = self.file("server.yaml", node);
        self.start(&["-f", &file], Stdio::piped())
    }

    fn start(&self, words: &[&str], stdout: Stdio) -> Up {
        let [api, chat] = self.ports.map(|port| port.to_string());
        let mut command = Command::new(program("agentctl"));
        command
            .args(["up", "--swarm", self.swarm, "--agent-image", "x"])
            .args([
                "--api-listen",
                &format!("127.0.0.1:{api}"),
                "--chat-port",
                &chat,
            ])
            .arg("--socket")
            .arg(self.folder.path().join("podman.sock"))
            .args(words)
            .env("XDG_STATE_HOME", self.folder.path().join("state"))
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        Up {
            stdout: child.stdout.take(),
            stderr: lines(child.stderr.take().unwrap()),
            child,
            said: String::new(),
        }
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state/agentchat").join(self.swarm)
    }

    /// Kills a service of the swarm.
    pub fn kill(&self, service: &str) {
        let text = fs::read_to_string(self.state().join(format!("{service}.pid"))).unwrap();
        signal(text.split(' ').next().unwrap(), "KILL");
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
                TcpListener::bind(("0.0.0.0", port)).is_ok(),
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

impl Drop for Up {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for Place {
    /// Ends what a test that failed has left.
    fn drop(&mut self) {
        let files = fs::read_dir(self.state()).into_iter().flatten().flatten();
        for file in files.filter(|f| f.path().extension().is_some_and(|e| e == "pid")) {
            let text = fs::read_to_string(file.path()).unwrap_or_default();
            let line = format!("kill -KILL {}", text.split(' ').next().unwrap_or_default());
            let mut kill = Command::new("sh");
            drop(kill.args(["-c", &line]).stderr(Stdio::null()).status());
        }
    }
}

impl Up {
    /// Reads until a line says this.
    pub fn until(&mut self, what: &str) {
        let deadline = Instant::now() + LONG;
        while !self.said.contains(what) {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.stderr.recv_timeout(left) {
                Ok(line) => self.said.push_str(&line),
                Err(error) => panic!("no {what:?}, {error}: {}", self.said),
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
    pub fn end(mut self) -> End {
        let deadline = Instant::now() + LONG;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.stderr.recv_timeout(left) {
                Ok(line) => self.said.push_str(&line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it does not end: {}", self.said),
            }
        }
        let code = self.child.wait().unwrap().code();
        End {
            code,
            said: std::mem::take(&mut self.said),
        }
    }
}

impl End {
    /// Fails unless the last message has these words, which are there only once.
    pub fn says(&self, words: &str) {
        let at = self.said.rfind("\nerror: ");
        let message = at.map_or("", |at| &self.said[at..]);
        assert!(
            message.contains(words),
            "{words:?} is not in {:?}: {}",
            message,
            self.said
        );
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
