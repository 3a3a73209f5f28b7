//! What the supervisor is told of usage, and what happens when it is not.

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixListener,
    path::Path,
    process::Command,
    sync::mpsc::{Receiver, Sender, channel},
    thread::spawn,
};

use agentchat_contract::{UPDATE_TAKEN, Update, Usage};

use crate::{DEADLINE, Runner, container, program};

const LIMITED: &str = r#"{"limits":{"turns":1000}}"#;
/// Two turns, the second with two answers of the model; then waits.
const TURNS: &str = r#"init one
message() { echo '{"type":"assistant","message":{"id":"'"$1"'","content":[]}}'; }
turn_end() { echo '{"type":"result","is_error":false,"total_cost_usd":'"$1"',"usage":{"input_tokens":3,"output_tokens":1}}'; }
message a; message a; turn_end 0.5; read -r prompt
message b; message c; turn_end 0.75; read -r prompt
"#;

/// A supervisor that takes updates; `Err` gives the socket up for good after that update.
struct Supervisor {
    updates: Receiver<Usage>,
    go_on: Sender<bool>,
}

impl Supervisor {
    fn start(root: &Path) -> Self {
        let path = root.join("run/agent/control.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let (sender, updates) = channel();
        let (go_on, wanted) = channel();
        spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                let mut output = stream.try_clone().unwrap();
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    let Ok(Update::Runner { used, .. }) = serde_json::from_str(&line) else {
                        continue;
                    };
                    if sender.send(used).is_err() || !wanted.recv().unwrap_or(false) {
                        std::fs::remove_file(&path).unwrap();
                        return;
                    }
                    if output.write_all(UPDATE_TAKEN.as_bytes()).is_err() {
                        break;
                    }
                }
            }
        });
        Self { updates, go_on }
    }

    /// The next update's usage, which is confirmed only if so wanted.
    fn next(&self, confirm: bool) -> Usage {
        let used = self.updates.recv_timeout(DEADLINE).expect("no update came");
        self.go_on.send(confirm).unwrap();
        used
    }

    /// Confirms updates until their sum is that.
    fn until(&self, sum: &Usage) {
        let mut now = Usage::default();
        while now != *sum {
            now.add(&self.next(true));
            assert!(now.turns <= sum.turns, "{now:?}");
        }
    }
}

#[test]
fn increments_add_up_to_what_was_used_over_processes() {
    let script = format!("{TURNS}if [ \"$(wc -l < \"$HOME/starts\")\" = 1 ]; then kill -9 $$; fi");
    let root = container(&script, LIMITED);
    let supervisor = Supervisor::start(root.path());
    let child = program(root.path()).spawn().unwrap();
    let runner = Runner { root, child };
    let sum = |processes: u64| Usage {
        turns: 3 * processes,
        tokens_in: 6 * processes,
        tokens_out: 2 * processes,
        cost_usd: 0.75 * processes as f64,
    };
    supervisor.until(&sum(2));
    assert_eq!(runner.noted("starts").len(), 2);
}

#[test]
fn agent_with_limits_does_not_start_where_usage_is_not_counted() {
    let root = container(TURNS, LIMITED);
    let child = program(root.path()).spawn().unwrap();
    let mut runner = Runner { root, child };
    assert_eq!(runner.ended().code(), Some(1));
    assert!(runner.noted("starts").is_empty());
}

#[test]
fn agent_with_limits_ends_when_usage_is_no_longer_counted() {
    let root = container(TURNS, LIMITED);
    let supervisor = Supervisor::start(root.path());
    let child = program(root.path()).spawn().unwrap();
    let mut runner = Runner { root, child };
    while supervisor.next(true).turns == 0 {}
    supervisor.next(false);
    assert_eq!(runner.ended().code(), Some(1));
    assert_eq!(runner.noted("starts").len(), 1);
}

/// A socket in the supervisor's place that some other process made.
#[test]
fn only_the_process_that_started_the_runner_is_its_supervisor() {
    let root = container(TURNS, LIMITED);
    let supervisor = Supervisor::start(root.path());
    let inner = program(root.path());
    let child = Command::new("/bin/sh")
        .args(["-c", r#""$0" "$@"; exit $?"#])
        .arg(inner.get_program())
        .args(inner.get_args())
        .spawn()
        .unwrap();
    let mut runner = Runner { root, child };
    assert_eq!(runner.ended().code(), Some(1));
    assert!(supervisor.updates.try_recv().is_err());
}
