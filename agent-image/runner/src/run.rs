//! The loop: start Claude Code, keep its turns going, resume it when it dies, end at a limit.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use agentchat_contract::{
    ActivityState, AgentConfig, Layout, LimitsConfig, Session, Usage, exit, paths,
};
use anyhow::Context;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::ChildStdin,
    signal::unix::{Signal, SignalKind, signal},
    time::Instant,
};

use crate::{
    claude::{Claude, Start, say, stop},
    ledger::Ledger,
    prompt::{self, Since},
    redaction::Redaction,
    report::Reporter,
    stream::{Event, Failure, parse},
    transcript::Transcript,
};

/// Shortest time between two turns.
const TURN_FLOOR: Duration = Duration::from_secs(1);
/// Pause before Claude Code is started again after it died.
const RESTART_PAUSE: Duration = Duration::from_millis(500);
/// Deaths in a row, without a finished turn between, after which the supervisor's back-off takes over.
const DEATHS: u32 = 3;
/// Refusals of the credential, in one request, after which it is given up.
const REFUSALS: u64 = 2;
/// The largest line of the stream that is read.
const LINE: usize = 16 * 1024 * 1024;
/// How long Claude Code may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(5);
/// The tool that waits for messages.
const LISTEN: &str = "mcp__agentchat__agentchat_listen";

/// How one process of Claude Code ended.
enum End {
    /// It died.
    Died,
    /// It ended by itself without taking up the session that it was to resume.
    Refused,
    /// The runner is to end with this code.
    Exit(i32),
}

struct Runner {
    claude: Claude,
    config: AgentConfig,
    mission: String,
    ledger: Ledger,
    ledger_path: PathBuf,
    transcript: Transcript,
    reporter: Reporter,
    term: Signal,
    deaths: u32,
}

/// Runs until a limit, a request to stop, or an error; gives the exit code.
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
        let read = |path: &str| {
            let path = layout.path(path);
            fs::read_to_string(&path).with_context(|| format!("{} can't be read", path.display()))
        };
        let config: AgentConfig = serde_json::from_str(&read(paths::CONFIG)?)
            .with_context(|| format!("{} is not a configuration", paths::CONFIG))?;
        let mission = read(paths::MISSION)?;
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
        let mut ledger = Ledger::read(&ledger_path);
        if ledger.first_start == 0 {
            ledger.first_start = now_ms();
            // Also shows at once when the home is not writable, where Claude Code would stay silent.
            ledger.write(&ledger_path)?;
        }
        Ok(Self {
            reporter: Reporter::new(&layout.path(paths::CONTROL_SOCKET)),
            transcript: Transcript::open(&own)?,
            claude: Claude {
                program,
                mcp,
                layout,
                system_prompt: prompt::personality(&parts),
            },
            term: signal(SignalKind::terminate())?,
            config,
            mission,
            ledger,
            ledger_path,
            deaths: 0,
        })
    }

    async fn keep_going(&mut self) -> anyhow::Result<i32> {
        let mut since = Since::Fresh;
        loop {
            let start = match &self.ledger.session {
                Some(id) => Start::Resume(id.clone()),
                None => Start::New(uuid::Uuid::new_v4().to_string()),
            };
            if matches!(start, Start::Resume(_)) {
                since = Since::Resumed;
            }
            match self.one_process(&start, since).await? {
                End::Exit(code) => return Ok(code),
                end @ (End::Died | End::Refused) => {
                    self.deaths += 1;
                    if matches!(end, End::Refused) {
                        tracing::warn!("the session could not be taken up again; a new one begins");
                        self.ledger.session = None;
                        self.ledger.write(&self.ledger_path)?;
                        since = Since::Lost;
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

    /// From start to end of one process.
    async fn one_process(&mut self, start: &Start, since: Since) -> anyhow::Result<End> {
        if over(&self.config.limits, &self.ledger, now_ms()) {
            return Ok(End::Exit(exit::BUDGET_EXHAUSTED));
        }
        let (mut child, mut stdin) = self.claude.spawn(&self.config, start)?;
        let Some(stdout) = child.stdout.take() else {
            anyhow::bail!("Claude Code has no output")
        };
        let secrets = Redaction::read(&self.claude.layout);
        let mut lines = BufReader::new(stdout);
        let mut process = Process {
            resumed: matches!(start, Start::Resume(_)),
            stood: false,
            cost_before: self.ledger.usage.cost_usd,
            last_message: String::new(),
            credential_failed: false,
            turn_began: Instant::now(),
        };
        let mut line = Vec::new();
        let end = match say(
            &mut stdin,
            &prompt::first(&self.config, &self.mission, since),
        )
        .await
        {
            Ok(()) => loop {
                // Cancel-safe: what was read so far stays in `line`.
                let read = tokio::select! {
                    read = lines.read_until(b'\n', &mut line) => read,
                    _ = self.term.recv() => break Some(End::Exit(exit::COMPLETED)),
                };
                if read? == 0 || line.len() > LINE {
                    break None;
                }
                let text = secrets.apply(String::from_utf8_lossy(&line).trim_end().to_owned());
                line.clear();
                let event = parse(&text);
                self.transcript
                    .add(&text, matches!(event, Some(Event::Result { .. })))?;
                if let Some(event) = event
                    && let Some(end) = self.take(event, &mut process, &mut stdin).await?
                {
                    break Some(end);
                }
            },
            Err(_) => None,
        };
        let mut gave_up = false;
        if end.is_none() {
            // Its output has ended, so it is about to: this tells how.
            let ended = tokio::time::timeout(GRACE, child.wait()).await;
            gave_up = matches!(ended, Ok(Ok(status)) if status.code().is_some());
        }
        stop(&mut child, GRACE).await;
        self.reporter.activity(ActivityState::Idle, now_ms()).await;
        self.ledger.write(&self.ledger_path)?;
        Ok(match end {
            Some(end) => end,
            // One that was killed may well take it up the next time.
            None if process.resumed && !process.stood && gave_up => End::Refused,
            None => End::Died,
        })
    }

    /// Takes one event in; gives an end when this was the last one.
    async fn take(
        &mut self,
        event: Event,
        process: &mut Process,
        stdin: &mut ChildStdin,
    ) -> anyhow::Result<Option<End>> {
        match event {
            Event::Init {
                session,
                chat_tools,
            } => {
                if !chat_tools {
                    tracing::error!(
                        "Claude Code runs without the chat tools; what agentchat-mcp reported of the chat says why"
                    );
                    return Ok(Some(End::Exit(exit::ERROR)));
                }
                process.stood = true;
                if self.ledger.session.as_ref() != Some(&session) {
                    self.ledger.session = Some(session.clone());
                    self.ledger.write(&self.ledger_path)?;
                }
                self.report(process.resumed).await;
            }
            Event::Assistant { message, tool } => {
                if process.last_message != message {
                    process.last_message = message;
                    self.ledger.usage.turns += 1;
                }
                let state = match tool.as_deref() {
                    Some(LISTEN) => ActivityState::Listening,
                    Some(_) => ActivityState::Tool,
                    None => ActivityState::Thinking,
                };
                self.reporter.activity(state, now_ms()).await;
                if over(&self.config.limits, &self.ledger, now_ms()) {
                    self.report(process.resumed).await;
                    return Ok(Some(End::Exit(exit::BUDGET_EXHAUSTED)));
                }
            }
            Event::Complaint { credential } => process.credential_failed = credential,
            Event::Retry { attempt, status } => {
                tracing::warn!(
                    attempt,
                    status,
                    "the model's API failed; Claude Code tries again"
                );
                // Claude Code would go on for minutes; a credential that is refused twice stays refused.
                if matches!(status, Some(401 | 403)) && attempt >= REFUSALS {
                    tracing::error!("the model refuses the credential; deliver another one");
                    return Ok(Some(End::Exit(exit::AUTHENTICATION_REFUSED)));
                }
            }
            Event::ToolResult => {
                self.reporter
                    .activity(ActivityState::Thinking, now_ms())
                    .await
            }
            Event::Result {
                error,
                cost_usd,
                tokens_in,
                tokens_out,
            } => {
                let usage = &mut self.ledger.usage;
                usage.cost_usd = process.cost_before + cost_usd;
                usage.tokens_in += tokens_in;
                usage.tokens_out += tokens_out;
                self.ledger.write(&self.ledger_path)?;
                self.report(process.resumed).await;
                let credential_failed = std::mem::take(&mut process.credential_failed);
                match error {
                    // Before the session stood, it is the session that can't be found.
                    Some(_) if process.resumed && !process.stood => return Ok(Some(End::Refused)),
                    Some(_) if credential_failed => {
                        tracing::error!("the credential is refused, or there is none");
                        return Ok(Some(End::Exit(exit::AUTHENTICATION_REFUSED)));
                    }
                    Some(Failure::Authentication) => {
                        return Ok(Some(End::Exit(exit::AUTHENTICATION_REFUSED)));
                    }
                    Some(Failure::Quota) => return Ok(Some(End::Exit(exit::QUOTA_EXHAUSTED))),
                    Some(Failure::Other) => return Ok(Some(End::Exit(exit::ERROR))),
                    None => self.deaths = 0,
                }
                if over(&self.config.limits, &self.ledger, now_ms()) {
                    return Ok(Some(End::Exit(exit::BUDGET_EXHAUSTED)));
                }
                tokio::select! {
                    () = tokio::time::sleep_until(process.turn_began + TURN_FLOOR) => {}
                    _ = self.term.recv() => return Ok(Some(End::Exit(exit::COMPLETED))),
                }
                process.turn_began = Instant::now();
                // A process that is gone shows as the end of its output.
                if let Err(error) = say(stdin, &prompt::next(&self.config)).await {
                    tracing::debug!(%error, "Claude Code takes no further turn");
                }
            }
        }
        Ok(None)
    }

    async fn report(&mut self, resumed: bool) {
        let session = self
            .ledger
            .session
            .clone()
            .map(|id| Session { id, resumed });
        self.reporter
            .runner(session, self.ledger.usage.clone())
            .await;
    }
}

/// What is known of one process.
struct Process {
    resumed: bool,
    stood: bool,
    cost_before: f64,
    last_message: String,
    credential_failed: bool,
    turn_began: Instant,
}

/// Whether a limit is reached.
fn over(limits: &LimitsConfig, ledger: &Ledger, now_ms: i64) -> bool {
    let Usage {
        turns,
        tokens_in,
        tokens_out,
        cost_usd,
    } = ledger.usage.clone();
    let seconds = (now_ms - ledger.first_start).max(0).unsigned_abs() / 1000;
    limits.turns.is_some_and(|most| turns >= most)
        || limits
            .tokens
            .is_some_and(|most| tokens_in.saturating_add(tokens_out) >= most)
        || limits.cost_usd.is_some_and(|most| cost_usd >= most)
        || limits.duration_seconds.is_some_and(|most| seconds >= most)
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since
        .ok()
        .and_then(|d| i64::try_from(d.as_millis()).ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_ends_the_run_when_it_is_reached() {
        let usage = Usage {
            turns: 3,
            tokens_in: 10,
            tokens_out: 5,
            cost_usd: 0.5,
        };
        let ledger = Ledger {
            session: None,
            first_start: 1_000,
            usage,
        };
        let none = LimitsConfig::default();
        assert!(!over(&none, &ledger, i64::MAX));
        let at = |limits| over(&limits, &ledger, 61_000);
        assert!(at(LimitsConfig {
            turns: Some(3),
            ..none.clone()
        }));
        assert!(!at(LimitsConfig {
            turns: Some(4),
            ..none.clone()
        }));
        assert!(at(LimitsConfig {
            tokens: Some(15),
            ..none.clone()
        }));
        assert!(!at(LimitsConfig {
            tokens: Some(16),
            ..none.clone()
        }));
        assert!(at(LimitsConfig {
            cost_usd: Some(0.5),
            ..none.clone()
        }));
        assert!(!at(LimitsConfig {
            cost_usd: Some(0.6),
            ..none.clone()
        }));
        assert!(at(LimitsConfig {
            duration_seconds: Some(60),
            ..none.clone()
        }));
        assert!(!at(LimitsConfig {
            duration_seconds: Some(61),
            ..none
        }));
    }
}
