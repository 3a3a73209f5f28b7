//! The account of usage, and the limits that it is held against.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use agentchat_contract::{
    Phase, TerminationReason, UPDATE_TAKEN, Update, Usage, UsageLedger, exit, paths,
};
use nix::sys::signal::Signal;

use crate::{Agent, start, start_in, until};

/// How often the supervisor shows that it is alive.
const HEARTBEAT: Duration = Duration::from_secs(10);

fn turns(turns: u64) -> Usage {
    Usage {
        turns,
        ..Usage::default()
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

impl Agent {
    fn deliver_with(&self, config: &str, usage: Usage, first_start: i64) {
        let ledger = UsageLedger { usage, first_start };
        let ledger = serde_json::to_string(&ledger).unwrap();
        self.deliver_files(&[("agent.json", config), ("usage.json", &ledger)]);
    }

    /// Reports usage as the runner does, and waits for the answer.
    fn use_up(&self, used: Usage) {
        let socket = until(|| UnixStream::connect(self.path(paths::CONTROL_SOCKET)).ok());
        let update = Update::Runner {
            session: None,
            used,
        };
        (&socket).write_all(update.to_line().as_bytes()).unwrap();
        let mut answer = String::new();
        BufReader::new(socket).read_line(&mut answer).unwrap();
        assert_eq!(answer, UPDATE_TAKEN);
    }

    fn copy(&self) -> Option<UsageLedger> {
        let text = fs::read(self.path(paths::USAGE_COPY)).ok()?;
        Some(serde_json::from_slice(&text).unwrap())
    }

    /// Ends it, and gives what is on its volumes.
    fn stop(mut self) -> tempfile::TempDir {
        self.signal(Signal::SIGTERM);
        self.end();
        let root = tempfile::tempdir().unwrap();
        std::mem::replace(&mut self.root, root)
    }
}

#[test]
fn agent_without_a_readable_usage_record_does_not_start() {
    for record in [None, Some("{"), Some(r#"{"usage":{}}"#)] {
        let mut agent = start(|root| format!("orphan:{}", root.join("ran").display()));
        let mut files = vec![("agent.json", "{}")];
        files.extend(record.map(|record| ("usage.json", record)));
        agent.deliver_files(&files);
        let (code, state) = agent.end();
        assert_eq!(code, Some(exit::FATAL), "{record:?}");
        let last = state.last_termination.unwrap();
        assert_eq!(last.reason, TerminationReason::Fatal);
        let message = last.message.unwrap();
        assert!(message.contains("/etc/agent/usage.json"), "{message}");
        assert!(!agent.root.path().join("ran").exists());
    }
}

#[test]
fn reached_limit_stops_the_runner() {
    let mut agent = start(|_| "wait".into());
    agent.deliver_with(r#"{"limits":{"turns":5}}"#, turns(3), 7);
    let state = agent.state(|state| state.pid.is_some());
    assert_eq!((state.usage, state.first_start), (turns(3), 7));
    agent.use_up(turns(1));
    agent.state(|state| state.usage == turns(4) && state.phase == Phase::Running);
    agent.use_up(turns(1));
    let (code, state) = agent.end();
    assert_eq!(code, Some(exit::BUDGET_EXHAUSTED));
    assert_eq!((state.usage, state.phase), (turns(5), Phase::Failed));
    let last = state.last_termination.unwrap();
    assert_eq!(last.reason, TerminationReason::BudgetExhausted);
    assert_eq!(last.signal, Some(Signal::SIGTERM as i32));
    assert_eq!(
        last.message.as_deref(),
        Some("limits.turns is reached: 5 of 5")
    );
}

#[test]
fn limit_reached_before_the_start_starts_nothing() {
    let mut agent = start(|root| format!("orphan:{}", root.join("ran").display()));
    let used = Usage {
        cost_usd: 2.0,
        ..Usage::default()
    };
    agent.deliver_with(r#"{"limits":{"costUsd":1.5}}"#, used, 7);
    assert_eq!(agent.end().0, Some(exit::BUDGET_EXHAUSTED));
    assert!(!agent.root.path().join("ran").exists());
}

#[test]
fn limit_on_time_counts_from_the_first_start_of_all() {
    let mut agent = start(|_| "wait".into());
    let config = r#"{"limits":{"durationSeconds":60}}"#;
    agent.deliver_with(config, Usage::default(), now_ms() - 59_000);
    agent.state(|state| state.pid.is_some());
    let began = Instant::now();
    let (code, state) = agent.end();
    // Not only when the next heartbeat comes.
    assert!(began.elapsed() < HEARTBEAT / 2, "{:?}", began.elapsed());
    assert_eq!(code, Some(exit::BUDGET_EXHAUSTED));
    let message = state.last_termination.unwrap().message.unwrap();
    assert!(message.starts_with("limits.duration is"), "{message}");
}

#[test]
fn claims_of_less_change_nothing() {
    let agent = start(|_| "wait".into());
    let used = Usage {
        turns: 9,
        cost_usd: 1.0,
        ..Usage::default()
    };
    agent.deliver_with("{}", used.clone(), 7);
    agent.state(|state| state.pid.is_some());
    agent.use_up(Usage {
        cost_usd: -1.0,
        ..Usage::default()
    });
    until(|| agent.copy().map(drop));
    let lower = serde_json::to_string(&UsageLedger::default()).unwrap();
    fs::write(agent.path(paths::USAGE_COPY), lower).unwrap();
    agent.use_up(turns(1));
    let expected = Usage { turns: 10, ..used };
    assert_eq!(agent.state(|_| true).usage, expected);
    until(|| (agent.copy()?.usage == expected).then_some(()));
}

#[test]
fn usage_that_the_operator_has_not_seen_is_kept_by_the_volume() {
    let agent = start(|_| "wait".into());
    agent.deliver_with("{}", Usage::default(), 0);
    let started = agent.state(|state| state.pid.is_some()).first_start;
    assert!((1..=now_ms()).contains(&started));
    agent.use_up(turns(2));
    let root = agent.stop();

    fs::remove_file(root.path().join("etc/agent/.complete")).unwrap();
    let agent = start_in(root, |_| "wait".into());
    agent.deliver_with("{}", turns(1), 0);
    let state = agent.state(|state| state.pid.is_some());
    assert_eq!((state.usage, state.first_start), (turns(2), started));
}

#[test]
fn grace_period_that_was_delivered_last_counts() {
    let mut agent = start(|root| format!("stubborn:{}", root.join("ready").display()));
    agent.deliver(r#"{"terminationGracePeriodSeconds":20}"#);
    until(|| agent.root.path().join("ready").exists().then_some(()));
    agent.deliver(r#"{"terminationGracePeriodSeconds":0}"#);
    agent.signal(Signal::SIGTERM);
    let (code, state) = agent.end();
    assert_eq!(code, Some(exit::COMPLETED));
    assert_eq!(
        state.last_termination.unwrap().signal,
        Some(Signal::SIGKILL as i32)
    );
}

/// As the agent's user, which has no rights beyond those of its own.
#[test]
fn agents_user_does_not_get_at_the_supervisors_memory() {
    const USER: u32 = 65_534;
    let root = tempfile::tempdir().unwrap();
    let own = nix::unistd::geteuid().is_root();
    let user = if own {
        USER
    } else {
        nix::unistd::geteuid().as_raw()
    };
    for directory in ["", "etc/agent", "run/agent", "run/secrets", "home/agent"] {
        let path = root.path().join(directory);
        fs::create_dir_all(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
    }
    // The folder of the build may be closed to others.
    let program = root.path().join("supervisor");
    fs::copy(env!("CARGO_BIN_EXE_agent-supervisor"), &program).unwrap();
    let as_agent = |program: &Path| {
        let mut command = Command::new(program);
        if own {
            command.uid(USER).gid(USER);
        }
        command
    };
    let child = as_agent(&program)
        .arg("--root")
        .arg(root.path())
        .env("AGENT_LOG", "warn")
        .spawn()
        .unwrap();
    let mut agent = Agent { root, child };
    agent.state(|state| state.phase == Phase::Starting);
    let memory = format!("/proc/{}/mem", agent.child.id());
    let status = fs::read_to_string(format!("/proc/{}/status", agent.child.id())).unwrap();
    assert!(status.contains(&format!("Uid:\t{user}")), "{status}");
    if user != 0 {
        assert_eq!(fs::metadata(&memory).unwrap().uid(), 0);
        let mut write = as_agent(Path::new("/bin/sh"));
        write.args(["-c", &format!("exec 3<>{memory}")]);
        assert!(!write.output().unwrap().status.success());
    }
    // Those that are started beside it still work.
    let mut report = as_agent(&program);
    report.arg("--root").arg(agent.root.path()).arg("report");
    assert!(report.status().unwrap().success());
    agent.deliver_files(&[]);
    assert_eq!(agent.end().0, Some(exit::FATAL));
}
