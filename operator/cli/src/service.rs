//! The programs behind a swarm: each a process of its own session, with a pid file and a log.

pub mod detached;
mod log;
mod process;

use std::{
    ffi::OsString,
    fs,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;
use tokio::time::Instant;

pub use process::Process;

use crate::state::State;

/// How long a service may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(20);
/// Between two looks at a process.
pub const LOOK: Duration = Duration::from_millis(50);
/// What of our environment the services see: nothing secret, nothing that would configure them.
const ENVIRONMENT: [&str; 7] = [
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "RUST_LOG",
    "RUST_BACKTRACE",
];

/// A service as it should run.
#[derive(Clone, Debug)]
pub struct Service {
    /// Name, also of its pid file and log.
    pub name: String,
    /// This program, which becomes the service; see [`detached`].
    pub launcher: PathBuf,
    /// Its program.
    pub program: PathBuf,
    /// The program's arguments.
    pub args: Vec<OsString>,
    /// Contents of files that it reads when it starts: other contents, another start.
    pub reads: Vec<Vec<u8>>,
}

/// What [`Service::start`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// It runs already, as wanted.
    Kept,
    /// It was started.
    Fresh,
    /// It ran in another way, was stopped and started again.
    Replaced,
}

/// A service that was found or started.
#[derive(Debug)]
pub struct Running {
    /// Its name.
    pub name: String,
    process: Process,
    child: Option<Child>,
}

/// A program of ours, next to this one.
pub fn program(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe().context("this program's own path is not to be had")?;
    let path = own.with_file_name(name);
    if !path.is_file() {
        bail!(
            "{} is not there; build it with `cargo xtask build`",
            path.display()
        );
    }
    Ok(path)
}

impl Service {
    /// A service whose program lies next to this one.
    pub fn new(name: &str, program_name: &str, args: Vec<OsString>) -> Result<Self> {
        Ok(Self {
            name: name.to_owned(),
            launcher: std::env::current_exe()?,
            program: program(program_name)?,
            args,
            reads: vec![],
        })
    }

    /// Starts it, unless it runs as wanted.
    pub async fn start(&self, state: &State) -> Result<(Running, Start)> {
        let fingerprint = self.fingerprint()?;
        let mut start = Start::Fresh;
        if let Some((process, old)) = process::read(&state.pid_file(&self.name))? {
            if process.is_alive() && old == fingerprint {
                let running = Running {
                    name: self.name.clone(),
                    process,
                    child: None,
                };
                return Ok((running, Start::Kept));
            }
            if process.is_alive() {
                stop(state, &self.name).await?;
                start = Start::Replaced;
            }
        }
        let mut child = self.spawn(state, &fingerprint)?;
        let process = self.known(state, &mut child).await?;
        let running = Running {
            name: self.name.clone(),
            process,
            child: Some(child),
        };
        Ok((running, start))
    }

    /// Waits until the pid file names the new process, so that it can be found and stopped from then on.
    async fn known(&self, state: &State, child: &mut Child) -> Result<Process> {
        let deadline = Instant::now() + GRACE;
        loop {
            let written = process::read(&state.pid_file(&self.name))?.map(|(process, _)| process);
            if let Some(process) = written.filter(|p| u32::try_from(p.pid()) == Ok(child.id())) {
                return Ok(process);
            }
            if let Some(status) = child.try_wait()? {
                bail!(
                    "{} ended at once ({status}){}",
                    self.name,
                    log_end(state, &self.name)
                );
            }
            if Instant::now() > deadline {
                child.kill()?;
                child.wait()?;
                bail!(
                    "{} does not come up{}",
                    self.name,
                    log_end(state, &self.name)
                );
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn spawn(&self, state: &State, fingerprint: &str) -> Result<Child> {
        let path = state.log(&self.name);
        log::rotate(&path)?;
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&path);
        let log = log.with_context(|| path.display().to_string())?;
        let mut command = Command::new(&self.launcher);
        command
            .arg("detached")
            .arg("--pid-file")
            .arg(state.pid_file(&self.name))
            .args(["--fingerprint", fingerprint, "--"])
            .arg(&self.program)
            .args(&self.args)
            .env_clear()
            .envs(
                ENVIRONMENT
                    .iter()
                    .filter_map(|name| Some((name, std::env::var_os(name)?))),
            )
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        command
            .spawn()
            .with_context(|| format!("{} can't be started", self.name))
    }

    /// Digest of all that makes two starts differ: program, arguments, what it reads.
    fn fingerprint(&self) -> Result<String> {
        let about = fs::metadata(&self.program)
            .with_context(|| format!("{} can't be read", self.program.display()))?;
        let mut context = ring::digest::Context::new(&ring::digest::SHA256);
        let mut part = |bytes: &[u8]| {
            context.update(&bytes.len().to_be_bytes());
            context.update(bytes);
        };
        part(self.program.as_os_str().as_encoded_bytes());
        part(format!("{} {} {}", about.size(), about.mtime(), about.mtime_nsec()).as_bytes());
        self.args
            .iter()
            .for_each(|arg| part(arg.as_encoded_bytes()));
        self.reads.iter().for_each(|bytes| part(bytes));
        let hash = context.finish();
        Ok(hash
            .as_ref()
            .iter()
            .take(8)
            .map(|b| format!("{b:02x}"))
            .collect())
    }
}

impl Running {
    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.process.pid()
    }

    /// Fails, with the end of the log, when the service has ended.
    pub fn check(&mut self, state: &State) -> Result<()> {
        let ended = match &mut self.child {
            Some(child) => child.try_wait()?,
            None => None,
        };
        if ended.is_none() && self.process.is_alive() {
            return Ok(());
        }
        let how = ended.map_or_else(|| "it is gone".to_owned(), |status| status.to_string());
        bail!(
            "{} ended ({how}){}",
            self.name,
            log::end(&state.log(&self.name))
        )
    }
}

/// The process of a service, when it runs.
pub fn running(state: &State, name: &str) -> Result<Option<Process>> {
    let found = process::read(&state.pid_file(name))?;
    Ok(found.map(|(process, _)| process).filter(Process::is_alive))
}

/// Asks a service to end, waits, kills it at last, and removes its pid file. Says whether it ran.
pub async fn stop(state: &State, name: &str) -> Result<bool> {
    let Some(process) = running(state, name)? else {
        drop(fs::remove_file(state.pid_file(name)));
        return Ok(false);
    };
    process.signal(Signal::SIGTERM)?;
    if !ends(&process, GRACE).await {
        process.signal(Signal::SIGKILL)?;
        if !ends(&process, GRACE).await {
            bail!(
                "{name} (process {}) does not end, not even killed",
                process.pid()
            );
        }
    }
    drop(fs::remove_file(state.pid_file(name)));
    Ok(true)
}

async fn ends(process: &Process, within: Duration) -> bool {
    let deadline = Instant::now() + within;
    while process.is_alive() {
        if Instant::now() > deadline {
            return false;
        }
        tokio::time::sleep(LOOK).await;
    }
    true
}

/// The end of a service's log, ready to follow a sentence.
pub fn log_end(state: &State, name: &str) -> String {
    log::end(&state.log(name))
}
