//! A supervisor that only listens.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::{UnixListener, UnixStream},
    time::timeout,
};

use crate::DEADLINE;

/// Takes one reporter at a time.
pub struct Supervisor {
    path: PathBuf,
    listener: UnixListener,
    reporter: Option<BufReader<UnixStream>>,
}

impl Supervisor {
    /// At the control socket's place below a root.
    pub fn start(root: &Path) -> Self {
        let path = root.join("run/agent/control.sock");
        let listener = UnixListener::bind(&path).unwrap();
        Self {
            path,
            listener,
            reporter: None,
        }
    }

    /// Gone and back, as after a crash.
    pub fn restart(self) -> Self {
        let Self {
            path,
            listener,
            reporter,
        } = self;
        drop((listener, reporter));
        std::fs::remove_file(&path).unwrap();
        let listener = UnixListener::bind(&path).unwrap();
        Self {
            path,
            listener,
            reporter: None,
        }
    }

    /// The next report of the chat's state for which `wanted` holds.
    pub async fn chat(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let next = async {
            loop {
                let state = self.next().await["chat"].take();
                if wanted(&state) {
                    return state;
                }
                last = state;
            }
        };
        match timeout(DEADLINE, next).await {
            Ok(state) => state,
            Err(_) => panic!("no such report; the last was {last}"),
        }
    }

    async fn next(&mut self) -> Value {
        loop {
            let reporter = match &mut self.reporter {
                Some(reporter) => reporter,
                none => none.insert(BufReader::new(self.listener.accept().await.unwrap().0)),
            };
            let mut line = String::new();
            if reporter.read_line(&mut line).await.unwrap() > 0 {
                return serde_json::from_str(&line).unwrap();
            }
            self.reporter = None;
        }
    }
}
