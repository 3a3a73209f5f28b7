//! The supervisor as a process, with a runner made for tests.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod usage;

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use agentchat_contract::{
    Activity, ActivityState, DeliveredFile, Delivery, DeliveryDir, Phase, State, TerminationReason,
    Update, UsageLedger, encode_delivery, paths,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

struct Agent {
    root: tempfile::TempDir,
    child: Child,
}

impl Drop for Agent {
    fn drop(&mut self) {
        // A stop, not a kill: the supervisor ends its runner with it.
        let _ = kill(Pid::from_raw(self.child.id() as i32), Signal::SIGTERM);
        let _ = self.child.wait();
    }
}

fn supervisor(root: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agent-supervisor"));
    command.arg("--root").arg(root).env("AGENT_LOG", "warn");
    command
}

fn runner() -> PathBuf {
    let examples = Path::new(env!("CARGO_BIN_EXE_agent-supervisor")).with_file_name("examples");
    examples.join("fake-runner")
}

/// Starts a supervisor that has no configuration yet.
fn start(plan: impl FnOnce(&Path) -> String) -> Agent {
    start_in(tempfile::tempdir().unwrap(), plan)
}

/// The same, with what is in a root already.
fn start_in(root: tempfile::TempDir, plan: impl FnOnce(&Path) -> String) -> Agent {
    for directory in [paths::CONFIG_DIR, paths::RUN_DIR, paths::SECRETS_DIR] {
        fs::create_dir_all(root.path().join(&directory[1..])).unwrap();
    }
    let child = supervisor(root.path())
        .args(["run", "niki", "--runner"])
        .arg(runner())
        .env("FAKE_RUNNER", plan(root.path()))
        .spawn()
        .unwrap();
    Agent { root, child }
}

impl Agent {
    fn path(&self, absolute: &str) -> PathBuf {
        self.root.path().join(&absolute[1..])
    }

    /// Delivers a configuration to an agent that used nothing so far.
    fn deliver(&self, config: &str) {
        let unused = serde_json::to_string(&UsageLedger::default()).unwrap();
        self.deliver_files(&[("agent.json", config), ("usage.json", &unused)]);
    }

    fn deliver_files(&self, files: &[(&str, &str)]) {
        let file = |(path, contents): &(&str, &str)| DeliveredFile {
            dir: DeliveryDir::Config,
            path: (*path).into(),
            contents: (*contents).into(),
        };
        let delivery = Delivery {
            generation: 1,
            files: files.iter().map(file).collect(),
        };
        let mut receive = supervisor(self.root.path())
            .arg("receive")
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        receive
            .stdin
            .take()
            .unwrap()
            .write_all(&encode_delivery(&delivery))
            .unwrap();
        assert!(receive.wait().unwrap().success());
    }

    /// The first state that fits, from the socket.
    fn state(&self, fits: impl Fn(&State) -> bool) -> State {
        let socket = until(|| UnixStream::connect(self.path(paths::CONTROL_SOCKET)).ok());
        socket
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        (&socket).write_all(b"follow\n").unwrap();
        BufReader::new(socket)
            .lines()
            .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
            .find(fits)
            .expect("the supervisor ended before its state fitted")
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).unwrap();
    }

    /// The exit code and the last state.
    fn end(&mut self) -> (Option<i32>, State) {
        let status = until(|| self.child.try_wait().unwrap());
        let state = fs::read(self.path(paths::STATE)).unwrap();
        (status.code(), serde_json::from_slice(&state).unwrap())
    }
}

fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(15);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited too long");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

const NOW: &str = r#"{"restart":{"initialBackoffSeconds":0,"maxRestarts":2}}"#;

#[test]
fn exit_codes_say_what_happened() {
    for (runner, container, reason, restarts) in [
        (0, 0, TerminationReason::Completed, 0),
        (1, 3, TerminationReason::Error, 2),
        (2, 2, TerminationReason::Fatal, 0),
        (3, 3, TerminationReason::Error, 2),
        (10, 10, TerminationReason::AuthenticationRefused, 0),
        (11, 11, TerminationReason::QuotaExhausted, 0),
        (12, 12, TerminationReason::BudgetExhausted, 0),
    ] {
        let mut agent = start(|_| format!("exit:{runner}"));
        agent.deliver(NOW);
        let (code, state) = agent.end();
        assert_eq!(code, Some(container), "{runner}");
        let last = state.last_termination.unwrap();
        assert_eq!((last.reason, last.exit_code), (reason, Some(runner)));
        assert_eq!(state.runner_restarts, restarts);
        let phase = if runner == 0 {
            Phase::Completed
        } else {
            Phase::Failed
        };
        assert_eq!(state.phase, phase);
    }
}

#[test]
fn stop_is_obeyed_before_configuration_while_running_and_in_backoff() {
    let mut agent = start(|_| "wait".into());
    agent.state(|state| state.phase == Phase::Starting);
    agent.signal(Signal::SIGTERM);
    assert_eq!(agent.end().0, Some(0));

    let mut agent = start(|_| "wait".into());
    agent.deliver("{}");
    agent.state(|state| state.phase == Phase::Running && state.pid.is_some());
    agent.signal(Signal::SIGINT);
    let (code, state) = agent.end();
    assert_eq!((code, state.phase), (Some(0), Phase::Completed));
    assert_eq!(
        state.last_termination.unwrap().reason,
        TerminationReason::Stopped
    );

    let mut agent = start(|_| "exit:1".into());
    agent.deliver(r#"{"restart":{"initialBackoffSeconds":300}}"#);
    let state = agent.state(|state| state.phase == Phase::BackOff);
    assert!(state.next_restart_at.is_some());
    agent.signal(Signal::SIGTERM);
    assert_eq!(agent.end().0, Some(0));
}

#[test]
fn processes_that_the_runner_left_behind_are_ended() {
    let mut agent = start(|root| format!("orphan:{}", root.join("pid").display()));
    agent.deliver("{}");
    assert_eq!(agent.end().0, Some(0));
    let pid = fs::read_to_string(agent.root.path().join("pid")).unwrap();
    assert!(!pid.is_empty());
    assert!(!Path::new("/proc").join(pid).exists());
}

#[test]
fn killed_runner_is_started_again() {
    let agent = start(|_| "wait".into());
    agent.deliver(r#"{"restart":{"initialBackoffSeconds":0}}"#);
    let first = agent.state(|state| state.pid.is_some()).pid;
    kill(Pid::from_raw(first.unwrap() as i32), Signal::SIGKILL).unwrap();
    let state = agent.state(|state| state.pid.is_some() && state.pid != first);
    assert_eq!(state.runner_restarts, 1);
    assert_eq!(state.last_termination.unwrap().signal, Some(9));
}

#[test]
fn updates_reach_followers_and_the_file() {
    let agent = start(|_| "wait".into());
    let activity = Activity {
        state: ActivityState::Listening,
        since: 42,
    };
    let mut socket = until(|| UnixStream::connect(agent.path(paths::CONTROL_SOCKET)).ok());
    socket
        .write_all(Update::Activity(activity.clone()).to_line().as_bytes())
        .unwrap();
    assert_eq!(
        agent.state(|state| state.activity.since == 42).activity,
        activity
    );
    until(|| {
        let state: State =
            serde_json::from_slice(&fs::read(agent.path(paths::STATE)).unwrap()).unwrap();
        (state.activity == activity).then_some(())
    });
    assert!(
        supervisor(agent.root.path())
            .arg("healthcheck")
            .status()
            .unwrap()
            .success()
    );
    let report = supervisor(agent.root.path())
        .arg("report")
        .output()
        .unwrap();
    assert_eq!(
        serde_json::from_slice::<State>(&report.stdout)
            .unwrap()
            .activity,
        activity
    );
}
