//! The loop: start Claude Code, keep its turns going, resume it when it dies.
//!
//! Limits are the supervisor's: it counts what is reported to it and tells the runner to stop. Where there are
//! limits and a report is not confirmed, the runner ends, so that nothing is used that does not count.

mod events;
mod process;

use std::{
    fs,
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use agentchat_contract::{AgentConfig, DeliveryWatch, Layout, Session, exit, paths};
use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};

use self::process::End;
use crate::{
    claude::{Claude, Start},
    credential::Credentials,
    ledger::SessionLedger,
    prompt::{self, SessionHistory},
    redaction::Redaction,
    report::Reporter,
    transcript::Transcript,
};

/// Pause before Claude Code is started again after it died.
const RESTART_PAUSE: Duration = Duration::from_millis(500);
/// Deaths in a row, without a finished turn between, after which the supervisor's back-off takes over.
const DEATHS: u32 = 3;

struct Runner {
    claude: Claude,
    config: AgentConfig,
    /// The channels changed since the agent was told of them.
    channels_changed: bool,
    mission: String,
    ledger: SessionLedger,
    ledger_path: PathBuf,
    transcript: Transcript,
    redaction: Redaction,
    reporter: Reporter,
    deliveries: DeliveryWatch,
    term: Signal,
    deaths: u32,
}

/// Runs until a request to stop, or an error; gives the exit code.
pub async fn run(layout: Layout, program: PathBuf, mcp: PathBuf) -> i32 {
    let mut runner = match Runner::load(layout, program, mcp) {
        Ok(runner) => runner,
        Err(error) => {
            tracing::error!("{error:#}");
            return exit::FATAL;
        }
    };
    match runner.keep_going().await {
        Ok(code) => code,
        Err(error) => {
            tracing::error!("{error:#}");
            exit::ERROR
        }
    }
}

impl Runner {
    fn load(layout: Layout, program: PathBuf, mcp: PathBuf) -> anyhow::Result<Self> {
        // Before anything is read, so that no delivery is missed.
        let deliveries = DeliveryWatch::new(&layout);
        let config = AgentConfig::read(&layout)?;
        let mission = layout.path(paths::MISSION);
        let mission = fs::read_to_string(&mission)
            .with_context(|| format!("can't read {}", mission.display()))?;
        let folder = layout.path(paths::PERSONALITY_DIR);
        let mut parts = vec![];
        if folder.exists() {
            let mut files: Vec<_> = fs::read_dir(&folder)?
                .map(|e| Ok(e?.path()))
                .collect::<std::io::Result<_>>()?;
            files.sort();
            for file in files {
                parts.push(fs::read_to_string(file)?);
            }
        }
        let own = layout.path(paths::AGENTCHAT_DIR);
        fs::create_dir_all(layout.path(paths::WORKSPACE))?;
        let ledger_path = own.join("ledger.json");
        let ledger = SessionLedger::read(&ledger_path);
        // Shows at once when the home is not writable, where Claude Code would stay silent.
        ledger.write(&ledger_path)?;
        Ok(Self {
            reporter: Reporter::new(&layout.path(paths::CONTROL_SOCKET)),
            transcript: Transcript::open(&own)?,
            redaction: Redaction::read(&layout),
            claude: Claude {
                program,
                mcp,
                credentials: Credentials::new(layout.clone()),
                layout,
                system_prompt: prompt::personality(&parts),
            },
            deliveries,
            term: signal(SignalKind::terminate())?,
            config,
            channels_changed: false,
            mission,
            ledger,
            ledger_path,
            deaths: 0,
        })
    }

    async fn keep_going(&mut self) -> anyhow::Result<i32> {
        let mut history = SessionHistory::Fresh;
        loop {
            let start = match &self.ledger.session {
                Some(id) => Start::Resume(id.clone()),
                None => Start::New(uuid::Uuid::new_v4().to_string()),
            };
            if matches!(start, Start::Resume(_)) {
                history = SessionHistory::Resumed;
            }
            // Where this fails, nothing is used.
            let end = match self.report(false).await {
                Some(end) => end,
                None => self.one_process(&start, history).await?,
            };
            match end {
                End::Exit(code) => return Ok(code),
                End::Uncounted(error) => {
                    let error = anyhow::Error::from(error);
                    tracing::error!("the agent has limits, and usage can't be counted: {error:#}");
                    return Ok(exit::ERROR);
                }
                End::CredentialReplaced => {
                    tracing::info!("another credential was delivered; starting again with it");
                    continue;
                }
                end @ (End::Died | End::NotResumed) => {
                    self.deaths += 1;
                    if matches!(end, End::NotResumed) {
                        tracing::warn!("the session could not be taken up again; a new one begins");
                        self.ledger.session = None;
                        self.ledger.write(&self.ledger_path)?;
                        history = SessionHistory::Lost;
                    }
                    if self.deaths > DEATHS {
                        tracing::error!("Claude Code died {} times in a row", self.deaths);
                        return Ok(exit::ERROR);
                    }
                }
            }
            tokio::select! {
                () = tokio::time::sleep(RESTART_PAUSE) => {}
                _ = self.term.recv() => return Ok(exit::COMPLETED),
            }
        }
    }

    /// Reports the session, and what was used since the last report. Gives an end when that must be confirmed and
    /// is not.
    async fn report(&mut self, resumed: bool) -> Option<End> {
        let session = self.ledger.session.clone();
        let session = session.map(|id| Session { id, resumed });
        let error = self.reporter.report(session).await.err()?;
        if !self.config.limits.any() {
            tracing::debug!(%error, "the supervisor did not take a report");
            return None;
        }
        Some(End::Uncounted(error))
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since
        .ok()
        .and_then(|d| i64::try_from(d.as_millis()).ok())
        .unwrap_or(0)
}
