//! The operator, the one program that a swarm has on its host: kept by systemd where that runs, otherwise by a process
//! of ours.

mod command;
mod log;
mod process;
pub mod supervise;
mod systemd;
mod unit;

use std::{fmt, time::Duration};

use anyhow::{Context, Result, anyhow, bail};
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client, ResourceExt};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

pub use command::{OPERATOR, OperatorCommand, Start};
pub use process::{Process, stop as stop_process};

use crate::{
    control::{self, api_error},
    exit::{Code, WithCode, code_of},
    output::{NAME, Progress},
    state::{State, SwarmConfig},
    wait::{Deadline, Look},
};
use systemd::Systemd;

/// How long it may take until the API answers.
const START: Duration = Duration::from_secs(60);

/// Who starts the operator again when it ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Supervision {
    /// systemd, after a crash and after a reboot.
    SystemdUnit {
        /// Name of the unit.
        name: String,
        /// systemd's word for its state.
        state: String,
        /// Restarts after a crash.
        restarts: u32,
        /// Whether it comes back after a reboot without anybody who logs in.
        without_login: bool,
    },
    /// A process of ours, after a crash only.
    SupervisingProcess {
        /// Its process id.
        pid: i32,
        /// Restarts after a crash.
        restarts: u32,
    },
    /// Nobody: its supervising process was killed.
    Unsupervised {
        /// The operator's process id.
        pid: i32,
    },
    /// It does not run.
    NotRunning,
}

/// The operator of one swarm.
#[derive(Debug)]
pub struct Operator<'a> {
    state: &'a State,
    progress: Progress,
    interrupt: &'a CancellationToken,
}

impl<'a> Operator<'a> {
    /// Touches nothing.
    pub fn new(state: &'a State, progress: Progress, interrupt: &'a CancellationToken) -> Self {
        Self {
            state,
            progress,
            interrupt,
        }
    }

    /// Starts it unless it runs as wanted, waits until its API answers, and gives a client. The configuration learns
    /// the swarm's id.
    pub async fn start(&self, config: &mut SwarmConfig, systemd: bool) -> Result<Client> {
        let command = OperatorCommand::new(self.state, config)?;
        let unit = Systemd::new(self.state);
        let start = if systemd && unit.is_usable() {
            supervise::stop(self.state).await?;
            unit.start(&command)?
        } else {
            unit.stop()?;
            let own = std::env::current_exe().context("this program's own path is not known")?;
            supervise::start(self.state, &command, &own).await?
        };
        let client = self.answer(start).await?;
        match start {
            Start::Kept => self.progress.step(format_args!("{OPERATOR} runs already")),
            Start::Fresh => self.progress.good(format_args!("{OPERATOR} started")),
            Start::Replaced => {
                self.progress.good(format_args!("{OPERATOR} started again"));
            }
        }
        if start != Start::Kept {
            self.progress
                .step(format_args!("{OPERATOR} is {}", supervision(self.state)?));
        }
        config.swarm_id = Some(swarm_id(&client).await?);
        config.write(self.state)?;
        Ok(client)
    }

    /// A client of an operator that runs, once it answers; `None` when none does.
    pub async fn client(&self) -> Result<Option<Client>> {
        match is_running(self.state)? {
            true => self.answer(Start::Kept).await.map(Some),
            false => Ok(None),
        }
    }

    /// Waits until the API answers; a new operator that ends instead is not waited for.
    async fn answer(&self, start: Start) -> Result<Client> {
        let look = async || match supervision(self.state)? {
            found if !found.is_running() => bail!("{OPERATOR} ended"),
            Supervision::SystemdUnit { restarts, .. }
            | Supervision::SupervisingProcess { restarts, .. }
                if start != Start::Kept && restarts > 0 =>
            {
                bail!("{OPERATOR} ended before its API answered")
            }
            _ => answering(self.state).await,
        };
        let deadline = Deadline::new(START, self.interrupt);
        let client = deadline.until("The API", look).await;
        client.map_err(|error| match code_of(&error) {
            Code::Interrupted => error,
            _ => self.explain(&error),
        })
    }

    /// An error, with the end of the operator's log.
    pub fn explain(&self, error: &anyhow::Error) -> anyhow::Error {
        let end = log_end(self.state);
        anyhow!("{error:#}{end}").code(code_of(error))
    }

    /// Stops it, whoever keeps it.
    pub async fn stop(&self) -> Result<()> {
        let unit = Systemd::new(self.state).stop()?;
        if supervise::stop(self.state).await? || unit {
            self.progress
                .step(format_args!("{NAME}{OPERATOR}{NAME:#} stopped"));
        }
        Ok(())
    }
}

impl Supervision {
    /// Whether the operator runs, or is about to be started again.
    pub fn is_running(&self) -> bool {
        match self {
            Self::SystemdUnit { state, .. } => !matches!(state.as_str(), "inactive" | "failed"),
            Self::SupervisingProcess { .. } | Self::Unsupervised { .. } => true,
            Self::NotRunning => false,
        }
    }

    /// Whether somebody starts it again after a crash.
    pub fn is_supervised(&self) -> bool {
        self.is_running() && !matches!(self, Self::Unsupervised { .. })
    }
}

impl fmt::Display for Supervision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let restarts = match self {
            Self::SystemdUnit {
                name,
                state,
                restarts,
                without_login,
            } => {
                write!(
                    f,
                    "kept by the systemd unit {name} ({state}): it comes back after a crash "
                )?;
                f.write_str(match without_login {
                    true => "and after a reboot",
                    false => {
                        "and, after a reboot, once you log in; `loginctl enable-linger` lets it come back without"
                    }
                })?;
                *restarts
            }
            Self::SupervisingProcess { pid, restarts } => {
                write!(
                    f,
                    "kept by a supervising process ({pid}): it comes back after a crash, not after a reboot"
                )?;
                *restarts
            }
            Self::Unsupervised { pid } => {
                write!(
                    f,
                    "process {pid}, which nobody starts again after a crash; `agentctl up` changes that"
                )?;
                0
            }
            Self::NotRunning => {
                f.write_str("not running")?;
                0
            }
        };
        match restarts {
            0 => Ok(()),
            restarts => write!(f, "; restarts: {restarts}"),
        }
    }
}

/// Who keeps a swarm's operator.
pub fn supervision(state: &State) -> Result<Supervision> {
    let unit = Systemd::new(state);
    if unit.is_installed()? {
        let found = unit.look()?;
        return Ok(Supervision::SystemdUnit {
            name: unit.name(),
            state: found.active,
            restarts: found.restarts,
            without_login: unit.comes_back_by_itself(),
        });
    }
    let found = supervise::look(state)?;
    Ok(match (found.supervisor, found.operator) {
        (Some(pid), _) => Supervision::SupervisingProcess {
            pid,
            restarts: found.restarts,
        },
        (None, Some(pid)) => Supervision::Unsupervised { pid },
        (None, None) => Supervision::NotRunning,
    })
}

/// Whether a swarm's operator runs, or is about to be started again.
pub fn is_running(state: &State) -> Result<bool> {
    Ok(supervision(state)?.is_running())
}

/// A client for a swarm that is up; says so when it is not.
pub async fn running_client(state: &State) -> Result<Client> {
    match is_running(state)? {
        true => control::client(state).await,
        false => Err(control::not_up(state)),
    }
}

/// The end of the operator's log, ready to follow a sentence.
pub fn log_end(state: &State) -> String {
    log::end(&state.log(OPERATOR))
}

/// A client, when the API answers.
async fn answering(state: &State) -> Result<Look<Client>> {
    let client = match control::client(state).await {
        Ok(client) => client,
        Err(error) => return Ok(Look::NotYet(format!("{error:#}"))),
    };
    Ok(match swarm_id(&client).await {
        Ok(_) => Look::Done(client),
        Err(error) => Look::NotYet(format!("{error:#}")),
    })
}

/// The swarm's id.
pub async fn swarm_id(client: &Client) -> Result<String> {
    let system = Api::<Namespace>::all(client.clone())
        .get("kube-system")
        .await;
    let system = system.map_err(|error| api_error(error, "the swarm's id can't be read"))?;
    system.uid().context("the Namespace kube-system has no UID")
}
