//! The process that keeps the operator: the real one, with a shell as the operator.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where something unexpected happens"
)]

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use agentctl::{
    operator::{
        OPERATOR, OperatorCommand, Process, Start,
        supervise::{self, Processes, SUPERVISOR},
    },
    state::State,
};
use nix::{
    fcntl::{FcntlArg, FdFlag, fcntl},
    sys::signal::{Signal, kill},
    unistd::{Pid, getsid},
};

/// Longest wait for anything.
const LONG: Duration = Duration::from_secs(20);

/// A swarm whose operator is a shell; what is left of it is ended with the test.
struct Swarm {
    _base: tempfile::TempDir,
    state: State,
}

impl Swarm {
    fn new() -> Self {
        let base = tempfile::tempdir().unwrap();
        let state = State::below(base.path(), "x");
        state.create().unwrap();
        Self { _base: base, state }
    }

    async fn start(&self, script: &str) -> Start {
        let command = OperatorCommand {
            program: "/bin/sh".into(),
            args: vec!["-c".into(), script.into()],
        };
        let launcher = Path::new(env!("CARGO_BIN_EXE_agentctl"));
        supervise::start(&self.state, &command, launcher)
            .await
            .unwrap()
    }

    fn look(&self) -> Processes {
        supervise::look(&self.state).unwrap()
    }

    /// Waits until what runs is as wanted.
    fn until(&self, what: &str, wanted: impl Fn(&Processes) -> bool) -> Processes {
        let deadline = Instant::now() + LONG;
        loop {
            let found = self.look();
            if wanted(&found) {
                return found;
            }
            assert!(Instant::now() < deadline, "{what}: last seen {found:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn runs(&self) -> (i32, i32) {
        let found = self.until("start", |p| p.supervisor.is_some() && p.operator.is_some());
        (found.supervisor.unwrap(), found.operator.unwrap())
    }

    fn log(&self) -> String {
        fs::read_to_string(self.state.log(OPERATOR)).unwrap()
    }
}

impl Drop for Swarm {
    fn drop(&mut self) {
        let found = self.look();
        for pid in [found.supervisor, found.operator].into_iter().flatten() {
            kill(Pid::from_raw(pid), Signal::SIGKILL).ok();
        }
    }
}

fn send(pid: i32, signal: Signal) {
    kill(Pid::from_raw(pid), signal).unwrap();
}

#[tokio::test]
async fn killed_operator_is_started_again() {
    let swarm = Swarm::new();
    assert_eq!(swarm.start("echo up; exec sleep 1000").await, Start::Fresh);
    let (supervisor, first) = swarm.runs();
    assert_eq!(
        getsid(Some(Pid::from_raw(supervisor))).unwrap().as_raw(),
        supervisor
    );
    for restarts in 1..=2 {
        send(swarm.runs().1, Signal::SIGKILL);
        swarm.until("restart", |p| {
            p.operator.is_some() && p.restarts == restarts
        });
    }
    assert_eq!(swarm.look().supervisor, Some(supervisor));
    assert_ne!(swarm.look().operator, Some(first));
    let log = swarm.log();
    for delay in ["in 0.5 s", "in 1 s"] {
        let line = format!(
            "agentchat-operator ended (signal: 9 (SIGKILL)); agentchat-operator is started again {delay}"
        );
        assert!(log.contains(&line), "{log}");
    }
}

#[tokio::test]
async fn lock_of_the_caller_is_not_inherited() {
    let swarm = Swarm::new();
    let path = swarm.state.path("callers-lock");
    let file = fs::File::create(&path).unwrap();
    file.lock().unwrap();
    fcntl(&file, FcntlArg::F_SETFD(FdFlag::empty())).unwrap();
    swarm.start("exec sleep 1000").await;
    swarm.runs();
    drop(file);
    // Another test may be starting a program just now, which has it for a moment.
    let (again, deadline) = (fs::File::open(&path).unwrap(), Instant::now() + LONG);
    while let Err(error) = again.try_lock() {
        assert!(Instant::now() < deadline, "{error}: somebody inherited it");
    }
}

#[tokio::test]
async fn operator_that_fails_at_once_is_tried_again_ever_more_rarely() {
    let swarm = Swarm::new();
    swarm.start("echo the port is taken >&2; exit 7").await;
    swarm.until("two restarts", |p| p.restarts == 2);
    let log = swarm.log();
    assert!(
        log.contains("(exit status: 7)") && log.contains("in 1 s"),
        "{log}"
    );
    // While it waits, it can be stopped all the same.
    assert!(supervise::stop(&swarm.state).await.unwrap());
    assert_eq!(swarm.look(), Processes::default());
}

#[tokio::test]
async fn stop_ends_both_and_the_operator_in_good_order() {
    let swarm = Swarm::new();
    swarm
        .start("trap 'echo goodbye; exit 0' TERM; echo up; while :; do sleep 0.1; done")
        .await;
    swarm.runs();
    let deadline = Instant::now() + LONG;
    while !swarm.log().contains("up") {
        assert!(Instant::now() < deadline);
    }
    assert!(supervise::stop(&swarm.state).await.unwrap());
    assert_eq!(swarm.look(), Processes::default());
    assert!(swarm.log().ends_with("up\ngoodbye\n"), "{}", swarm.log());
    for name in [SUPERVISOR, OPERATOR] {
        assert!(!swarm.state.pid_file(name).exists(), "{name}");
    }
    assert!(!supervise::stop(&swarm.state).await.unwrap());
}

#[tokio::test]
async fn operator_that_was_asked_to_end_ends_its_supervisor() {
    let swarm = Swarm::new();
    swarm
        .start("trap 'exit 0' TERM; echo up; while :; do sleep 0.1; done")
        .await;
    let (_, operator) = swarm.runs();
    let deadline = Instant::now() + LONG;
    while !swarm.log().contains("up") {
        assert!(Instant::now() < deadline);
    }
    send(operator, Signal::SIGTERM);
    swarm.until("the end of both", |p| *p == Processes::default());
}

#[tokio::test]
async fn same_start_is_kept_and_another_replaces_it() {
    let swarm = Swarm::new();
    swarm.start("exec sleep 1000").await;
    let (supervisor, operator) = swarm.runs();
    assert_eq!(swarm.start("exec sleep 1000").await, Start::Kept);
    assert_eq!(swarm.runs(), (supervisor, operator));
    assert_eq!(swarm.start("exec sleep 2000").await, Start::Replaced);
    let (next, second) = swarm.runs();
    assert!(next != supervisor && second != operator);
}

#[tokio::test]
async fn operator_whose_supervisor_was_killed_goes_on_and_is_replaced_by_the_next_start() {
    let swarm = Swarm::new();
    swarm.start("exec sleep 1000").await;
    let (supervisor, operator) = swarm.runs();
    let process = Process::of(operator).unwrap();
    send(supervisor, Signal::SIGKILL);
    let found = swarm.until("the supervisor's end", |p| p.supervisor.is_none());
    assert_eq!(found.operator, Some(operator), "the operator goes on");
    assert_eq!(swarm.start("exec sleep 1000").await, Start::Replaced);
    let (_, next) = swarm.runs();
    assert_ne!(next, operator);
    assert!(!process.is_alive(), "two operators run");
}
