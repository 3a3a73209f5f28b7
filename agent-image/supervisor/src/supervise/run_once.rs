//! One run of the runner: from its start to its end, which a limit or a signal may bring about.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use agentchat_contract::{Phase, TerminationReason};
use anyhow::Context as _;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::time::Instant;

use super::Supervisor;
use crate::config::Config;
use crate::orphans::{Ended, end_all, reap};
use crate::state;

/// The longest time that the runner may take to end, seconds.
const LONGEST_GRACE: u64 = 86_400;

/// A runner that was told to stop.
struct Stopping {
    /// What ended it.
    reason: TerminationReason,
    /// The same for people, where the reason does not tell.
    message: Option<String>,
    /// When it is killed.
    kill_at: Instant,
}

impl Supervisor {
    /// Starts the runner and stays until it has ended, and all that it started with it.
    pub(super) async fn run_once(
        &mut self,
        config: &mut Config,
    ) -> anyhow::Result<TerminationReason> {
        let group = self.start(config)?;
        let mut changes = self.state.subscribe();
        let mut stopping: Option<Stopping> = None;
        let ended = loop {
            // Before waiting: the child may have ended before its signal was awaited.
            if let Some(ended) = reap(Some(group)) {
                break ended;
            }
            if stopping.is_none()
                && let Some(limit) = self.limit_reached(config)
            {
                let reason = TerminationReason::BudgetExhausted;
                stopping = Some(self.stop(group, Signal::SIGTERM, config, reason, Some(limit)));
            }
            let next_step = match &stopping {
                Some(stopping) => Some(stopping.kill_at),
                None => self.time_limit(config),
            };
            tokio::select! {
                signal = self.signals.next() => match (signal, &stopping) {
                    (Some(signal), None) => {
                        let reason = TerminationReason::Stopped;
                        stopping = Some(self.stop(group, signal, config, reason, None));
                    }
                    (Some(signal), Some(_)) => {
                        let _ = killpg(group, signal);
                    }
                    (None, _) => {}
                },
                // Usage may have reached a limit; the heartbeat also brings what a delivery changed.
                _ = changes.changed(), if stopping.is_none() => {}
                () = sleep_until(next_step) => if let Some(stopping) = &mut stopping {
                    tracing::warn!("the runner did not stop in time");
                    let _ = killpg(group, Signal::SIGKILL);
                    stopping.kill_at = Instant::now() + grace(config);
                }
            }
        };
        end_all(group, &mut self.signals).await;
        let (reason, message) = match (stopping, ended) {
            (Some(stopping), _) => (stopping.reason, stopping.message),
            (None, Ended::Code(code)) => (TerminationReason::from_exit_code(code), None),
            (None, Ended::Signal(_)) => (TerminationReason::Error, None),
        };
        // Only the supervisor itself knows about restarts.
        let reason = match reason {
            TerminationReason::RestartsExhausted => TerminationReason::Error,
            other => other,
        };
        Ok(self.ended(reason, Some(ended), message))
    }

    /// Starts the runner; gives its process group.
    fn start(&self, config: &mut Config) -> anyhow::Result<Pid> {
        let mut command = Command::new(&self.runner);
        command
            .stdin(Stdio::null())
            .process_group(0)
            .env("AGENT_ROOT", self.layout.root());
        let name = self.name.as_ref().unwrap_or(&config.current().name);
        command.env("AGENT_NAME", name);
        let child = command
            .spawn()
            .with_context(|| format!("can't start {}", self.runner.display()))?;
        let pid = child.id();
        tracing::info!(pid, "started the runner");
        self.state.send_modify(|state| {
            state.phase = Phase::Running;
            state.pid = Some(pid);
            state.next_restart_at = None;
            if state.first_start == 0 {
                state.first_start = state::now();
            }
        });
        Ok(Pid::from_raw(i32::try_from(pid)?))
    }

    /// Tells the runner to stop.
    fn stop(
        &self,
        group: Pid,
        signal: Signal,
        config: &mut Config,
        reason: TerminationReason,
        message: Option<String>,
    ) -> Stopping {
        tracing::info!(%signal, ?reason, message, "stopping the runner");
        let _ = killpg(group, signal);
        self.state
            .send_modify(|state| state.phase = Phase::Stopping);
        Stopping {
            reason,
            message,
            kill_at: Instant::now() + grace(config),
        }
    }

    /// The limit that is reached, if there is one, for people.
    pub(super) fn limit_reached(&self, config: &mut Config) -> Option<String> {
        let ledger = self.state.borrow().ledger();
        config.current().limits.reached(&ledger, state::now())
    }

    /// When the limit on time is reached.
    fn time_limit(&self, config: &mut Config) -> Option<Instant> {
        let ledger = self.state.borrow().ledger();
        let left = config.current().limits.time_left(&ledger, state::now())?;
        Instant::now().checked_add(left)
    }
}

/// How long the runner may take to end.
fn grace(config: &mut Config) -> Duration {
    let seconds = config.current().termination_grace_period_seconds;
    Duration::from_secs(seconds.min(LONGEST_GRACE))
}

/// Sleeps until then, or for ever.
async fn sleep_until(then: Option<Instant>) {
    match then {
        Some(then) => tokio::time::sleep_until(then).await,
        None => std::future::pending().await,
    }
}
