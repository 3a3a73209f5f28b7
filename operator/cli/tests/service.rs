//! Services as `agentctl` runs them: the real launcher, `cat` and `sh` as the services.

use std::time::{Duration, Instant};

use agentctl::{
    service::{self, Service, Start},
    state::State,
};

fn service(args: &[&str]) -> Service {
    Service {
        name: "model".into(),
        launcher: env!("CARGO_BIN_EXE_agentctl").into(),
        program: "/bin/sh".into(),
        args: args.iter().map(Into::into).collect(),
        reads: vec![],
    }
}

fn wait(what: &str, mut until: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !until() {
        assert!(Instant::now() < deadline, "{what}: not in time");
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn a_service_is_kept_replaced_and_stopped() {
    let base = tempfile::tempdir().unwrap();
    let state = State::below(base.path(), "x");
    state.create().unwrap();
    let sleeper = service(&["-c", "echo up; exec sleep 1000"]);
    let (mut running, start) = sleeper.start(&state).await.unwrap();
    assert_eq!(start, Start::Fresh);
    let first = service::running(&state, "model").unwrap().unwrap();
    running.check(&state).unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", first.pid())).unwrap();
    let session: i32 = stat
        .rsplit_once(')')
        .unwrap()
        .1
        .split_whitespace()
        .nth(3)
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(session, first.pid(), "it has a session of its own");

    let (_, start) = sleeper.start(&state).await.unwrap();
    assert_eq!(start, Start::Kept);
    let mut other = sleeper.clone();
    other.reads = vec![b"another certificate".to_vec()];
    let (_again, start) = other.start(&state).await.unwrap();
    assert_eq!(start, Start::Replaced);
    assert!(!first.is_alive());
    assert!(service::stop(&state, "model").await.unwrap());
    assert!(!service::stop(&state, "model").await.unwrap());
    assert!(state.services().unwrap().is_empty());
}

#[tokio::test]
async fn a_service_that_ends_says_why() {
    let base = tempfile::tempdir().unwrap();
    let state = State::below(base.path(), "x");
    state.create().unwrap();
    let failing = service(&["-c", "echo the port is taken >&2; exit 7"]);
    let (mut running, _) = failing.start(&state).await.unwrap();
    let mut last = String::new();
    wait("the end", || match running.check(&state) {
        Ok(()) => false,
        Err(error) => {
            last = error.to_string();
            true
        }
    });
    assert!(
        last.contains("exit status: 7") && last.contains("| the port is taken"),
        "{last}"
    );
}
