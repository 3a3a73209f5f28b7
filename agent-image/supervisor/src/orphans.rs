//! Reaps every child, and ends those that outlive the runner.

use std::fs;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::signals::Signals;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With an exit code.
    Code(i32),
    /// By a signal.
    Signal(i32),
}

/// Reaps all children that ended; the runner's end, if it is among them.
pub fn reap(runner: Option<Pid>) -> Option<Ended> {
    let mut ended = None;
    loop {
        let (pid, how) = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) => (pid, Ended::Code(code)),
            Ok(WaitStatus::Signaled(pid, signal, _)) => (pid, Ended::Signal(signal as i32)),
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return ended,
            Ok(_) | Err(Errno::EINTR) => continue,
            Err(error) => {
                tracing::warn!("can't reap children: {error}");
                return ended;
            }
        };
        if Some(pid) == runner {
            ended = Some(how);
        } else {
            tracing::debug!(%pid, ?how, "reaped an orphan");
        }
    }
}

/// Kills what the runner left behind: its group, and every child that came here as an orphan.
/// Processes that the container engine started beside the supervisor are not its children.
pub async fn end_all(runner: Pid, signals: &mut Signals) {
    let _ = killpg(runner, Signal::SIGKILL);
    for _ in 0..50 {
        reap(None);
        let children = children();
        if children.is_empty() {
            return;
        }
        for child in children {
            let _ = kill(child, Signal::SIGKILL);
        }
        // A request to stop that comes now must not be lost, so only children are waited for.
        signals.child(Duration::from_millis(100)).await;
    }
    tracing::warn!("some processes that the runner left behind do not end");
}

/// The processes whose parent is this one.
fn children() -> Vec<Pid> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let me = std::process::id().to_string();
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .filter(|pid| {
            fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
                // The name before the last parenthesis may hold anything.
                stat.rsplit_once(')')
                    .and_then(|(_, rest)| rest.split_whitespace().nth(1))
                    == Some(me.as_str())
            })
        })
        .map(Pid::from_raw)
        .collect()
}
