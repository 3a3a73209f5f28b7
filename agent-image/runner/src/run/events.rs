//! What each event of Claude Code's stream leads to.

use std::time::Duration;

use agentchat_contract::exit;
use tokio::{process::ChildStdin, time::Instant};

use super::{
    Runner, now_ms,
    process::{End, Process},
};
use crate::{
    claude::send_message,
    prompt,
    stream::{Event, Failure},
};

/// Shortest time between two turns.
const TURN_FLOOR: Duration = Duration::from_secs(1);
/// Refusals of the credential, in one request, after which it is given up.
const REFUSALS: u64 = 2;

impl Runner {
    /// What to do when the model does not serve this credential: another one may be there by now.
    fn refused(&self, process: &Process, code: i32) -> End {
        if self.claude.credentials.fingerprint() != process.credential {
            return End::CredentialReplaced;
        }
        if code == exit::AUTHENTICATION_REFUSED {
            tracing::error!(
                "the model refuses the credential, or there is none; deliver another one"
            );
        }
        End::Exit(code)
    }

    /// Takes one event in; gives an end when this was the last one.
    pub(super) async fn take(
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
                process.confirmed = true;
                if self.ledger.session.as_ref() != Some(&session) {
                    self.ledger.session = Some(session.clone());
                    self.ledger.write(&self.ledger_path)?;
                }
                return Ok(self.report(process.resumed).await);
            }
            Event::Assistant { calls, .. } => {
                let calls = calls.into_iter().map(|call| (call.id, call.tool));
                process.calls.extend(calls);
                self.reporter.activity(process.activity(), now_ms()).await;
                return Ok(self.report(process.resumed).await);
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
                    return Ok(Some(self.refused(process, exit::AUTHENTICATION_REFUSED)));
                }
            }
            Event::ToolResults { calls } => {
                for call in calls {
                    process.calls.remove(&call);
                }
                self.reporter.activity(process.activity(), now_ms()).await;
            }
            Event::Result { error, .. } => {
                process.calls.clear();
                if let Some(end) = self.report(process.resumed).await {
                    return Ok(Some(end));
                }
                return self.turn_ended(error, process, stdin).await;
            }
        }
        Ok(None)
    }

    /// Starts the next turn, unless the process is to end.
    async fn turn_ended(
        &mut self,
        error: Option<Failure>,
        process: &mut Process,
        stdin: &mut ChildStdin,
    ) -> anyhow::Result<Option<End>> {
        let credential_failed = std::mem::take(&mut process.credential_failed);
        match error {
            // Before the session stood, it is the session that can't be found.
            Some(_) if process.resumed && !process.confirmed => return Ok(Some(End::NotResumed)),
            Some(_) if credential_failed => {
                return Ok(Some(self.refused(process, exit::AUTHENTICATION_REFUSED)));
            }
            Some(Failure::Authentication) => {
                return Ok(Some(self.refused(process, exit::AUTHENTICATION_REFUSED)));
            }
            Some(Failure::Quota) => {
                return Ok(Some(self.refused(process, exit::QUOTA_EXHAUSTED)));
            }
            Some(Failure::Other) => return Ok(Some(End::Exit(exit::ERROR))),
            None => self.deaths = 0,
        }
        if process.credential_replaced {
            return Ok(Some(End::CredentialReplaced));
        }
        tokio::select! {
            () = tokio::time::sleep_until(process.turn_began + TURN_FLOOR) => {}
            _ = self.term.recv() => return Ok(Some(End::Exit(exit::COMPLETED))),
        }
        process.turn_began = Instant::now();
        let changed = std::mem::take(&mut self.channels_changed);
        // A process that is gone shows as the end of its output.
        if let Err(error) = send_message(stdin, &prompt::next(&self.config, changed)).await {
            tracing::debug!(%error, "Claude Code takes no further turn");
        }
        Ok(None)
    }
}
