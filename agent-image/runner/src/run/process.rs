//! One process of Claude Code, from its start to its end.

use std::{collections::BTreeMap, time::Duration};

use agentchat_contract::{ActivityState, AgentConfig, Usage, exit};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, ChildStdin, ChildStdout},
    time::{Instant, timeout},
};

use super::{Runner, now_ms};
use crate::{
    claude::{Spawned, Start, send_message, stop},
    credential::Fingerprint,
    prompt::{self, SessionHistory},
    report::ReportError,
    stream::{Event, parse},
};

/// The largest line of the stream that is read.
const LINE: usize = 16 * 1024 * 1024;
/// How long Claude Code may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(5);
/// How much longer its output may last.
const OUTPUT: Duration = Duration::from_secs(1);
/// The tool that waits for messages.
const LISTEN: &str = "mcp__agentchat__agentchat_listen";

/// How one process of Claude Code ended.
pub(super) enum End {
    /// It died.
    Died,
    /// It ended by itself without taking up the session that it was to resume.
    NotResumed,
    /// It runs with a credential that is not the delivered one any more.
    CredentialReplaced,
    /// What it used can't be reported, and has to be.
    Uncounted(ReportError),
    /// The runner is to end with this code.
    Exit(i32),
}

/// What is known of one process.
pub(super) struct Process {
    pub(super) resumed: bool,
    /// Whether Claude Code said that the session is there.
    pub(super) confirmed: bool,
    /// Cost of the process so far, US dollars.
    cost_usd: f64,
    last_message: String,
    /// Calls of tools that have not returned: id and tool.
    pub(super) calls: BTreeMap<String, String>,
    pub(super) credential_failed: bool,
    /// Of the credential that it was given.
    pub(super) credential: Option<Fingerprint>,
    /// Another credential is there by now.
    pub(super) credential_replaced: bool,
    pub(super) turn_began: Instant,
}

impl Process {
    /// Waits for messages, and does nothing else: no harm is done by interrupting it.
    fn listens(&self) -> bool {
        !self.calls.is_empty() && self.calls.values().all(|tool| tool == LISTEN)
    }

    pub(super) fn activity(&self) -> ActivityState {
        match self.calls.is_empty() {
            true => ActivityState::Thinking,
            false if self.listens() => ActivityState::Listening,
            false => ActivityState::Tool,
        }
    }

    /// What an event says was used.
    fn used(&mut self, event: &Event) -> Usage {
        let mut used = Usage::default();
        match event {
            Event::Assistant { message, .. } if self.last_message != *message => {
                self.last_message = message.clone();
                used.turns = 1;
            }
            Event::Result {
                cost_usd,
                tokens_in,
                tokens_out,
                ..
            } => {
                used.tokens_in = *tokens_in;
                used.tokens_out = *tokens_out;
                // Claude Code gives the sum of its process.
                used.cost_usd = (cost_usd - self.cost_usd).max(0.0);
                self.cost_usd = self.cost_usd.max(*cost_usd);
            }
            _ => {}
        }
        used
    }
}

/// The output of a process.
type Lines = BufReader<ChildStdout>;

impl Runner {
    /// From start to end of one process.
    pub(super) async fn one_process(
        &mut self,
        start: &Start,
        history: SessionHistory,
    ) -> anyhow::Result<End> {
        let Spawned {
            mut child,
            mut stdin,
            stdout,
            credential,
        } = self.claude.spawn(&self.config, start)?;
        let mut lines = BufReader::new(stdout);
        let mut process = Process {
            resumed: matches!(start, Start::Resume(_)),
            confirmed: false,
            cost_usd: 0.0,
            last_message: String::new(),
            calls: BTreeMap::new(),
            credential_failed: false,
            credential,
            credential_replaced: false,
            turn_began: Instant::now(),
        };
        let first = prompt::first(&self.config, &self.mission, history);
        self.channels_changed = false;
        let end = match send_message(&mut stdin, &first).await {
            Ok(()) => self.follow(&mut process, &mut lines, &mut stdin).await?,
            Err(_) => None,
        };
        let gave_up = match &end {
            Some(_) => {
                self.end_process(&mut child, &mut process, &mut lines).await;
                false
            }
            None => {
                // Its output has ended, so it is about to: this tells how.
                let ended = timeout(GRACE, child.wait()).await;
                stop(&mut child, GRACE).await;
                matches!(ended, Ok(Ok(status)) if status.code().is_some())
            }
        };
        self.reporter.activity(ActivityState::Idle, now_ms()).await;
        let unconfirmed = self.report(process.resumed).await;
        Ok(match end.or(unconfirmed) {
            Some(end) => end,
            // One that was killed may well take it up the next time.
            None if process.resumed && !process.confirmed && gave_up => End::NotResumed,
            None => End::Died,
        })
    }

    /// Reads what a process says until that is over, which gives `None`, or until it is to end.
    async fn follow(
        &mut self,
        process: &mut Process,
        lines: &mut Lines,
        stdin: &mut ChildStdin,
    ) -> anyhow::Result<Option<End>> {
        let mut line = Vec::new();
        loop {
            if process.credential_replaced && process.listens() {
                return Ok(Some(End::CredentialReplaced));
            }
            // Cancel-safe: what was read so far stays in `line`.
            let read = tokio::select! {
                read = lines.read_until(b'\n', &mut line) => read?,
                () = self.deliveries.next() => {
                    self.take_delivery(process);
                    continue;
                }
                _ = self.term.recv() => return Ok(Some(End::Exit(exit::COMPLETED))),
            };
            if read == 0 || line.len() > LINE {
                return Ok(None);
            }
            if let Some(event) = self.note(&line)? {
                self.reporter.used(&process.used(&event));
                if let Some(end) = self.take(event, process, stdin).await? {
                    return Ok(Some(end));
                }
            }
            line.clear();
        }
    }

    /// Ends a process that still runs, and takes in what it says until then: it may tell what it used.
    async fn end_process(&mut self, child: &mut Child, process: &mut Process, lines: &mut Lines) {
        let rest = async {
            let mut line = Vec::new();
            while lines
                .read_until(b'\n', &mut line)
                .await
                .is_ok_and(|read| read > 0)
                && line.len() <= LINE
            {
                match self.note(&line) {
                    Ok(event) => {
                        let used = event.map(|event| process.used(&event));
                        self.reporter.used(&used.unwrap_or_default());
                    }
                    Err(error) => tracing::warn!(%error, "the transcript can't be written"),
                }
                line.clear();
            }
        };
        // A process that it left behind may hold its output.
        let rest = timeout(GRACE + OUTPUT, rest);
        let (rest, ()) = tokio::join!(rest, stop(child, GRACE));
        if rest.is_err() {
            tracing::debug!("the output of Claude Code outlives it");
        }
    }

    /// Writes a line into the transcript; gives the event that it is.
    fn note(&mut self, line: &[u8]) -> std::io::Result<Option<Event>> {
        let text = String::from_utf8_lossy(line).trim_end().to_owned();
        let text = self.redaction.apply(text);
        let event = parse(&text);
        let durable = matches!(event, Some(Event::Result { .. }));
        self.transcript.add(&text, durable)?;
        Ok(event)
    }

    /// Takes a delivery in: what counts at once, and whether the credential is another one.
    fn take_delivery(&mut self, process: &mut Process) {
        match AgentConfig::read(&self.claude.layout) {
            Ok(config) => {
                self.channels_changed |= config.chat.channels != self.config.chat.channels;
                self.config = config;
            }
            Err(error) => tracing::warn!(%error, "going on with the configuration of before"),
        }
        self.redaction.extend(&self.claude.layout);
        process.credential_replaced = self.claude.credentials.fingerprint() != process.credential;
    }
}
