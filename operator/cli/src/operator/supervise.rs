//! The process that keeps the operator where no systemd does: it starts it again after a crash.
//!
//! Two pid files tell of it: `supervisor.pid`, its own, written before anything is started, with the fingerprint of
//! what it runs; and `agentchat-operator.pid`, the operator's, with the number of restarts. When this process is
//! killed, the operator goes on without it, and the next `agentctl up` replaces both. That two operators never work on
//! one swarm is their database's affair: it is locked.

use std::{
    ffi::OsString, fs, os::unix::fs::OpenOptionsExt, path::Path, process::Stdio, time::Duration,
};

use anyhow::{Context, Result, bail};
use clap::Args;
use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, getpid, setsid},
};
use tokio::{
    process::{Child, Command},
    signal::unix::{Signal as Signals, SignalKind, signal},
    time::{Instant, sleep, timeout},
};

use super::{
    command::{ENVIRONMENT, OPERATOR, OperatorCommand, Start},
    log,
    process::{self, Process},
};
use crate::{
    output::say,
    state::{State, write_private},
};

/// Name of the pid file.
pub const SUPERVISOR: &str = "supervisor";
/// First and longest delay before the operator is started again; doubling.
const DELAY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// A run at least this long starts the delays over.
const STABLE: Duration = Duration::from_secs(60);
/// How long the operator may take to end when it was asked to.
const GRACE: Duration = Duration::from_secs(20);
/// The same for this process, which waits for the operator.
const OWN_GRACE: Duration = Duration::from_secs(30);
/// How long it may take until its pid file is there.
const START: Duration = Duration::from_secs(20);

/// Keeps the operator; `agentctl` calls itself with this.
#[derive(Debug, Args)]
pub struct Supervise {
    #[arg(long)]
    fingerprint: String,
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// Closes what was inherited from whoever called `agentctl` besides the standard streams: a lock that a script holds
/// must not last as long as the swarm. To be called before anything else is opened.
pub fn close_inherited() {
    let open = fs::read_dir("/proc/self/fd")
        .into_iter()
        .flatten()
        .flatten();
    let numbers: Vec<i32> = open
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    for number in numbers.into_iter().filter(|number| *number > 2) {
        // The folder that was read is closed already.
        nix::unistd::close(number).ok();
    }
}

/// How a run of the operator ended.
enum Ended {
    /// Because that was asked for.
    OnRequest,
    /// In another way, to be logged.
    Failed(String),
}

impl Supervise {
    /// Until the operator ends by itself with success, or this process is asked to end.
    pub async fn run(&self, state: &State) -> Result<()> {
        setsid().context("a session of its own can't be made")?;
        let mut terminate = signal(SignalKind::terminate())?;
        let own = Process::of(getpid().as_raw()).context("/proc can't be read")?;
        let own_file = state.pid_file(SUPERVISOR);
        write_private(&own_file, own.line(&self.fingerprint).as_bytes())?;
        let (mut restarts, mut delay) = (0_u32, DELAY.0);
        loop {
            let begin = Instant::now();
            let why = match self.run_once(state, restarts, &mut terminate).await {
                Ok(Ended::OnRequest) => break,
                Ok(Ended::Failed(why)) => why,
                Err(error) => format!("{error:#}"),
            };
            if begin.elapsed() >= STABLE {
                delay = DELAY.0;
            }
            let seconds = delay.as_secs_f64();
            say(format_args!(
                "agentctl: {why}; {OPERATOR} is started again in {seconds} s"
            ));
            tokio::select! {
                () = sleep(delay) => {}
                _ = terminate.recv() => break,
            }
            delay = (delay * 2).min(DELAY.1);
            restarts = restarts.saturating_add(1);
        }
        drop(fs::remove_file(state.pid_file(OPERATOR)));
        drop(fs::remove_file(own_file));
        Ok(())
    }

    /// One run of the operator, to its end.
    async fn run_once(
        &self,
        state: &State,
        restarts: u32,
        terminate: &mut Signals,
    ) -> Result<Ended> {
        let (program, args) = self.command.split_first().context("no program is given")?;
        let child = Command::new(program).args(args).spawn();
        let mut child = child.with_context(|| format!("{} can't be started", program.display()))?;
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
        // Without a process it has ended already.
        if let Some(process) = pid.and_then(Process::of) {
            let line = process.line(&restarts.to_string());
            write_private(&state.pid_file(OPERATOR), line.as_bytes())?;
        }
        tokio::select! {
            status = child.wait() => {
                let status = status?;
                Ok(match status.success() {
                    true => Ended::OnRequest,
                    false => Ended::Failed(format!("{OPERATOR} ended ({status})")),
                })
            }
            _ = terminate.recv() => {
                end(&mut child).await?;
                Ok(Ended::OnRequest)
            }
        }
    }
}

/// Asks the operator to end, and waits; kills it at last.
async fn end(child: &mut Child) -> Result<()> {
    if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
        kill(Pid::from_raw(pid), Signal::SIGTERM)?;
    }
    if let Ok(ended) = timeout(GRACE, child.wait()).await {
        ended?;
        return Ok(());
    }
    child.kill().await.context("the operator can't be killed")
}

/// Whether a supervising process runs, whether the operator does, and how often it was started again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Processes {
    /// The supervising process.
    pub supervisor: Option<i32>,
    /// The operator.
    pub operator: Option<i32>,
    /// Restarts of the operator.
    pub restarts: u32,
}

/// Looks.
pub fn look(state: &State) -> Result<Processes> {
    let supervisor = process::alive(&state.pid_file(SUPERVISOR))?;
    let operator = process::read(&state.pid_file(OPERATOR))?;
    let restarts = operator.as_ref().and_then(|(_, note)| note.parse().ok());
    let operator = operator.map(|(process, _)| process);
    Ok(Processes {
        supervisor: supervisor.map(|(process, _)| process.pid()),
        operator: operator
            .filter(Process::is_alive)
            .map(|process| process.pid()),
        restarts: restarts.unwrap_or(0),
    })
}

/// Starts a supervising process, unless one runs what is wanted. An operator that has none, since that was killed or
/// since an earlier release started it, is replaced.
pub async fn start(state: &State, command: &OperatorCommand, launcher: &Path) -> Result<Start> {
    let fingerprint = command.fingerprint()?;
    let found = process::alive(&state.pid_file(SUPERVISOR))?;
    if found.is_some_and(|(_, running)| running == fingerprint) {
        return Ok(Start::Kept);
    }
    let replaced = stop(state).await?;
    let log_file = state.log(OPERATOR);
    log::rotate(&log_file)?;
    let mut options = fs::OpenOptions::new();
    let log = options
        .create(true)
        .append(true)
        .mode(0o600)
        .open(&log_file);
    let log = log.with_context(|| log_file.display().to_string())?;
    let environment = ENVIRONMENT.iter();
    let environment = environment.filter_map(|name| Some((name, std::env::var_os(name)?)));
    let mut child = Command::new(launcher);
    child
        .args(["--swarm", state.swarm(), "supervise"])
        .args(["--fingerprint", &fingerprint, "--"])
        .arg(&command.program)
        .args(&command.args)
        .env_clear()
        .envs(environment)
        .env("XDG_STATE_HOME", state.base())
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    let mut child = child.spawn().context("agentctl can't start itself")?;
    let known = || Ok::<_, anyhow::Error>(process::alive(&state.pid_file(SUPERVISOR))?.is_some());
    let deadline = Instant::now() + START;
    while !known()? {
        if child.try_wait()?.is_some() || Instant::now() > deadline {
            child.start_kill().ok();
            bail!(
                "the operator's supervising process does not come up{}",
                log::end(&log_file)
            );
        }
        sleep(process::LOOK).await;
    }
    Ok(if replaced {
        Start::Replaced
    } else {
        Start::Fresh
    })
}

/// Stops the supervising process and the operator; says whether one of them ran.
pub async fn stop(state: &State) -> Result<bool> {
    let supervisor = process::stop(&state.pid_file(SUPERVISOR), OWN_GRACE).await?;
    let operator = process::stop(&state.pid_file(OPERATOR), GRACE).await?;
    Ok(supervisor || operator)
}
