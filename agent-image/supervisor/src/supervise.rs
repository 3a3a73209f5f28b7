//! Keeps the runner going: loads what was delivered, starts it, restarts it, notes how it ended.

mod run_once;

use std::path::PathBuf;
use std::time::Duration;

use agentchat_contract::{
    DeliveryWatch, FileError, Layout, Phase, State, Termination, TerminationReason, paths,
};
use anyhow::Context as _;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::orphans::Ended;
use crate::signals::Signals;
use crate::{backoff, control, ledger, state};

/// How long the last writes and reports may take.
const END: Duration = Duration::from_millis(500);

/// Runs until the runner has ended for good; the exit code of the container.
pub fn run(layout: Layout, name: Option<String>, runner: PathBuf) -> anyhow::Result<i32> {
    // The agent's programs run as the same user. They must not get at this process's memory, where the account
    // of usage is, neither by ptrace nor by /proc.
    nix::sys::prctl::set_dumpable(false).context("can't protect the supervisor's memory")?;
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
        let last_copy = CancellationToken::new();
        let mut supervisor = Supervisor {
            layout: layout.clone(),
            name,
            runner,
            state: sender.clone(),
            signals,
            copy: None,
            last_copy: last_copy.clone(),
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
        last_copy.cancel();
        if let Some(copy) = supervisor.copy
            && tokio::time::timeout(END, copy).await.is_err()
        {
            tracing::warn!("the last copy of the account of usage was not written in time");
        }
        end.cancel();
        // A follower that does not read must not hold up the end.
        let _ = tokio::time::timeout(END, server).await;
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
    /// Keeps the copy of the account of usage, once there is one.
    copy: Option<JoinHandle<()>>,
    last_copy: CancellationToken,
}

impl Supervisor {
    async fn supervise(&mut self) -> TerminationReason {
        tokio::select! {
            delivered = first_delivery(&self.layout) => if let Err(error) = delivered {
                return self.fatal(&error);
            },
            _ = self.signals.stop() => return self.ended(TerminationReason::Stopped, None, None),
        }
        let mut config = match self.load() {
            Ok(config) => config,
            Err(error) => return self.fatal(&error.into()),
        };
        let mut failures = 0;
        loop {
            if let Some(limit) = self.limit_reached(&mut config) {
                return self.ended(TerminationReason::BudgetExhausted, None, Some(limit));
            }
            let started = Instant::now();
            let reason = match self.run_once(&mut config).await {
                Ok(reason) => reason,
                Err(error) => {
                    tracing::error!("{error:#}");
                    self.ended(TerminationReason::Error, None, Some(format!("{error:#}")))
                }
            };
            if reason != TerminationReason::Error {
                return reason;
            }
            let restart = config.current().restart.clone();
            if started.elapsed() >= Duration::from_secs(restart.reset_after_seconds) {
                failures = 0;
            }
            failures += 1;
            let restarts = self.state.borrow().runner_restarts;
            if restart.max_restarts.is_some_and(|most| restarts >= most) {
                tracing::error!(restarts, "no restarts are left");
                return TerminationReason::RestartsExhausted;
            }
            let delay = backoff::delay(&restart, failures, backoff::jitter());
            if self.back_off(delay).await.is_break() {
                return TerminationReason::Stopped;
            }
        }
    }

    /// Reads what was delivered: the configuration, and the account of usage.
    fn load(&mut self) -> Result<Config, FileError> {
        let config = Config::load(&self.layout)?;
        let ledger = ledger::load(&self.layout, state::now())?;
        let changes = self.state.subscribe();
        self.state.send_modify(|state| {
            state.usage = ledger.usage;
            state.first_start = ledger.first_start;
        });
        let copy = ledger::keep_copy(self.layout.clone(), changes, self.last_copy.clone());
        self.copy = Some(tokio::spawn(copy));
        Ok(config)
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

    /// Notes that the runner can't be started.
    fn fatal(&self, error: &anyhow::Error) -> TerminationReason {
        tracing::error!("the agent does not start: {error:#}");
        self.ended(TerminationReason::Fatal, None, Some(format!("{error:#}")))
    }

    /// Notes how the runner ended.
    fn ended(
        &self,
        reason: TerminationReason,
        how: Option<Ended>,
        message: Option<String>,
    ) -> TerminationReason {
        tracing::info!(?reason, ?how, message, "the runner ended");
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
                message,
                finished_at: state::now(),
            });
        });
        reason
    }
}

/// Waits until a delivery is complete.
async fn first_delivery(layout: &Layout) -> anyhow::Result<()> {
    let directory = layout.path(paths::CONFIG_DIR);
    anyhow::ensure!(
        directory.is_dir(),
        "{} is not there; mount a directory that root can write and the agent can read",
        directory.display()
    );
    // The watch comes before the look, so that nothing happens unnoticed in between.
    let mut deliveries = DeliveryWatch::new(layout);
    while !layout.path(paths::COMPLETE).exists() {
        deliveries.next().await;
    }
    Ok(())
}
