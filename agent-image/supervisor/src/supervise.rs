//! Runs the runner: starts, restarts, stops it.

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use agentchat_contract::{
    AgentConfig, Layout, Phase, State, Termination, TerminationReason, paths,
};
use anyhow::Context as _;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::orphans::{Ended, end_all, reap};
use crate::signals::Signals;
use crate::{backoff, complete, control, state};

/// Runs until the runner has ended for good; the exit code of the container.
pub fn run(layout: Layout, name: Option<String>, runner: PathBuf) -> anyhow::Result<i32> {
    // So that orphans come here even where this is not PID 1.
    let _ = nix::sys::prctl::set_child_subreaper(true);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let code = runtime.block_on(async {
        // Signals first: PID 1 ignores those that it does not handle.
        let signals = Signals::new().context("can't handle signals")?;
        let listener = control::bind(&layout)?;
        let (sender, _) = watch::channel(State {
            heartbeat_at: state::now(),
            ..State::default()
        });
        state::write(&layout, &sender.borrow());
        let end = CancellationToken::new();
        let keeper = tokio::spawn(state::keep(layout.clone(), sender.clone()));
        let server = tokio::spawn(control::serve(listener, sender.clone(), end.clone()));
        let mut supervisor = Supervisor {
            layout: layout.clone(),
            name,
            runner,
            state: sender.clone(),
            signals,
        };
        let reason = supervisor.supervise().await;
        sender.send_modify(|state| {
            state.phase = match reason {
                TerminationReason::Completed | TerminationReason::Stopped => Phase::Completed,
                _ => Phase::Failed,
            };
            state.pid = None;
            state.next_restart_at = None;
            state.heartbeat_at = state::now();
        });
        keeper.abort();
        state::write(&layout, &sender.borrow());
        end.cancel();
        // A follower that does not read must not hold up the end.
        let _ = tokio::time::timeout(Duration::from_millis(500), server).await;
        tracing::info!(?reason, "the agent ended");
        anyhow::Ok(reason.exit_code())
    });
    runtime.shutdown_background();
    code
}

struct Supervisor {
    layout: Layout,
    name: Option<String>,
    runner: PathBuf,
    state: watch::Sender<State>,
    signals: Signals,
}

impl Supervisor {
    async fn supervise(&mut self) -> TerminationReason {
        tokio::select! {
            ready = complete::wait(&self.layout) => if let Err(error) = ready {
                tracing::error!("{error:#}");
                return self.ended(TerminationReason::Fatal, None);
            },
            _ = self.signals.stop() => return self.ended(TerminationReason::Stopped, None),
        }
        let config = match self.config() {
            Ok(config) => config,
            Err(error) => {
                tracing::error!("{error:#}");
                return self.ended(TerminationReason::Fatal, None);
            }
        };
        let mut failures = 0;
        loop {
            let started = Instant::now();
            let reason = match self.run_once(&config).await {
                Ok(reason) => reason,
                Err(error) => {
                    tracing::error!("{error:#}");
                    self.ended(TerminationReason::Error, None)
                }
            };
            if reason != TerminationReason::Error {
                return reason;
            }
            if started.elapsed() >= Duration::from_secs(config.restart.reset_after_seconds) {
                failures = 0;
            }
            failures += 1;
            let restarts = self.state.borrow().runner_restarts;
            if config
                .restart
                .max_restarts
                .is_some_and(|most| restarts >= most)
            {
                tracing::error!(restarts, "no restarts are left");
                return TerminationReason::RestartsExhausted;
            }
            let delay = backoff::delay(&config.restart, failures, backoff::jitter());
            if self.back_off(delay).await.is_break() {
                return TerminationReason::Stopped;
            }
        }
    }

    fn config(&self) -> anyhow::Result<AgentConfig> {
        let path = self.layout.path(paths::CONFIG);
        let text =
            std::fs::read(&path).with_context(|| format!("can't read {}", path.display()))?;
        serde_json::from_slice(&text).with_context(|| {
            format!(
                "{} is not a configuration; use one version of operator and image",
                path.display()
            )
        })
    }

    /// Starts the runner and stays until it has ended, and all that it started with it.
    async fn run_once(&mut self, config: &AgentConfig) -> anyhow::Result<TerminationReason> {
        let mut command = Command::new(&self.runner);
        command
            .stdin(Stdio::null())
            .process_group(0)
            .env("AGENT_ROOT", self.layout.root());
        command.env("AGENT_NAME", self.name.as_ref().unwrap_or(&config.name));
        let child = command
            .spawn()
            .with_context(|| format!("can't start {}", self.runner.display()))?;
        let pid = child.id();
        let group = Pid::from_raw(i32::try_from(pid)?);
        tracing::info!(pid, "started the runner");
        self.state.send_modify(|state| {
            state.phase = Phase::Running;
            state.pid = Some(pid);
            state.next_restart_at = None;
        });
        let grace = Duration::from_secs(config.termination_grace_period_seconds);
        let mut kill_at: Option<tokio::time::Instant> = None;
        let ended = loop {
            // Before waiting: the child may have ended before its signal was awaited.
            if let Some(ended) = reap(Some(group)) {
                break ended;
            }
            let patience = async {
                match kill_at {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                signal = self.signals.next() => if let Some(signal) = signal {
                    tracing::info!(%signal, "stopping the runner");
                    let _ = killpg(group, signal);
                    self.state.send_modify(|state| state.phase = Phase::Stopping);
                    kill_at.get_or_insert(tokio::time::Instant::now() + grace);
                },
                () = patience => {
                    tracing::warn!("the runner did not stop in time");
                    let _ = killpg(group, Signal::SIGKILL);
                    kill_at = Some(tokio::time::Instant::now() + grace);
                }
            }
        };
        end_all(group, &mut self.signals).await;
        let reason = match ended {
            _ if kill_at.is_some() => TerminationReason::Stopped,
            Ended::Code(code) => TerminationReason::from_exit_code(code),
            Ended::Signal(_) => TerminationReason::Error,
        };
        // Only the supervisor itself knows about restarts.
        let reason = match reason {
            TerminationReason::RestartsExhausted => TerminationReason::Error,
            other => other,
        };
        Ok(self.ended(reason, Some(ended)))
    }

    /// Waits for the next start, unless asked to stop.
    async fn back_off(&mut self, delay: Duration) -> std::ops::ControlFlow<()> {
        let millis = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
        tracing::info!(?delay, "the next start waits");
        self.state.send_modify(|state| {
            state.phase = Phase::BackOff;
            state.next_restart_at = Some(state::now().saturating_add(millis));
        });
        tokio::select! {
            () = tokio::time::sleep(delay) => {
                self.state.send_modify(|state| state.runner_restarts += 1);
                std::ops::ControlFlow::Continue(())
            }
            _ = self.signals.stop() => std::ops::ControlFlow::Break(()),
        }
    }

    /// Notes how the runner ended.
    fn ended(&self, reason: TerminationReason, how: Option<Ended>) -> TerminationReason {
        tracing::info!(?reason, ?how, "the runner ended");
        let (exit_code, signal) = match how {
            Some(Ended::Code(code)) => (Some(code), None),
            Some(Ended::Signal(signal)) => (None, Some(signal)),
            None => (None, None),
        };
        self.state.send_modify(|state| {
            state.pid = None;
            state.activity = agentchat_contract::Activity {
                since: state::now(),
                ..Default::default()
            };
            // Whoever said that the chat is connected is gone.
            state.chat.connected = false;
            state.chat.reason = Some("Stopped".to_owned());
            state.chat.message = Some("the agent does not run".to_owned());
            state.last_termination = Some(Termination {
                reason,
                exit_code,
                signal,
                finished_at: state::now(),
            });
        });
        reason
    }
}
