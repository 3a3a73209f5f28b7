//! Processes, told apart from later ones that were given the same id, and their pid files.

use std::{fs, io, path::Path, time::Duration};

use anyhow::{Context, Result, bail};
use nix::{
    errno::Errno,
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::time::{Instant, sleep};

/// Between two looks at a process.
pub const LOOK: Duration = Duration::from_millis(50);

/// One process: its id, and when it started, in clock ticks since the boot that is named too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    pid: i32,
    started: u64,
    boot: String,
}

impl Process {
    /// The process that has this id now.
    pub fn of(pid: i32) -> Option<Self> {
        let (_, started) = stat(pid)?;
        Some(Self {
            pid,
            started,
            boot: boot()?,
        })
    }

    /// Its id.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Whether it is still there and not merely unburied.
    pub fn is_alive(&self) -> bool {
        stat(self.pid)
            .is_some_and(|(state, started)| started == self.started && !matches!(state, 'Z' | 'X'))
            && boot().as_ref() == Some(&self.boot)
    }

    /// Sends a signal, unless the process is gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        if !self.is_alive() {
            return Ok(());
        }
        match kill(Pid::from_raw(self.pid), signal) {
            Ok(()) | Err(Errno::ESRCH) => Ok(()),
            Err(error) => {
                Err(error).with_context(|| format!("process {} can't be sent {signal}", self.pid))
            }
        }
    }

    /// The line of a pid file: `PID STARTTIME BOOT NOTE`.
    pub fn line(&self, note: &str) -> String {
        format!("{} {} {} {note}\n", self.pid, self.started, self.boot)
    }

    /// Waits for its end; says whether it came.
    async fn ends(&self, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        while self.is_alive() {
            if Instant::now() > deadline {
                return false;
            }
            sleep(LOOK).await;
        }
        true
    }
}

/// The process that a pid file names, when it is alive, and the note beside it.
pub fn alive(path: &Path) -> Result<Option<(Process, String)>> {
    Ok(read(path)?.filter(|(process, _)| process.is_alive()))
}

/// Asks the process of a pid file to end, waits, kills it at last, and removes the file. Says whether it ran.
pub async fn stop(path: &Path, grace: Duration) -> Result<bool> {
    let found = alive(path)?;
    if let Some((process, _)) = &found {
        process.signal(Signal::SIGTERM)?;
        if !process.ends(grace).await {
            process.signal(Signal::SIGKILL)?;
            if !process.ends(grace).await {
                let (pid, path) = (process.pid, path.display());
                bail!("process {pid} of {path} does not end, not even when it is killed");
            }
        }
    }
    drop(fs::remove_file(path));
    Ok(found.is_some())
}

/// What a pid file says: the process, and the note beside it. A damaged file says nothing.
pub fn read(path: &Path) -> Result<Option<(Process, String)>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| path.display().to_string()),
    };
    let mut words = text.split_ascii_whitespace();
    let mut parse = || {
        let (pid, started) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        let process = Process {
            pid,
            started,
            boot: words.next()?.to_owned(),
        };
        Some((process, words.next()?.to_owned()))
    };
    Ok(parse().filter(|(process, _)| process.pid > 1))
}

/// State and start of a process. The name before them may hold anything, also spaces and brackets.
fn stat(pid: i32) -> Option<(char, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = text.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    // starttime is field 22 of proc(5); the state, taken above, is field 3.
    let started = fields.nth(18)?.parse().ok()?;
    Some((state, started))
}

fn boot() -> Option<String> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn other_process_with_the_same_id_is_not_signalled() {
        let mut child = Command::new("cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let process = Process::of(i32::try_from(child.id()).unwrap()).unwrap();
        let recycled = Process {
            started: process.started + 1,
            ..process.clone()
        };
        let rebooted = Process {
            boot: "another".into(),
            ..process.clone()
        };
        for other in [recycled, rebooted] {
            assert!(!other.is_alive());
            other.signal(Signal::SIGKILL).unwrap();
        }
        assert!(process.is_alive() && child.try_wait().unwrap().is_none());
        process.signal(Signal::SIGKILL).unwrap();
        // Ended and not waited for yet, it is as good as gone.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while process.is_alive() {
            assert!(std::time::Instant::now() < deadline, "it does not end");
            std::thread::yield_now();
        }
        child.wait().unwrap();
        process.signal(Signal::SIGKILL).unwrap();
    }

    #[test]
    fn pid_file_is_read_as_written_and_damaged_one_says_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (path, process) = (dir.path().join("x.pid"), Process::of(1).unwrap());
        assert_eq!(read(&path).unwrap(), None);
        for damaged in ["", "x", "12", "12 13", "1 2 3 4", "-5 2 3 4"] {
            fs::write(&path, damaged).unwrap();
            assert_eq!(read(&path).unwrap(), None, "{damaged}");
        }
        let process = Process { pid: 99, ..process };
        fs::write(&path, process.line("f00")).unwrap();
        assert_eq!(read(&path).unwrap(), Some((process, "f00".to_owned())));
    }
}
