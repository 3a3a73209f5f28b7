//! Tells the supervisor what goes on. A report that fails never stops the agent.

use std::path::{Path, PathBuf};

use agentchat_contract::{Activity, ActivityState, Session, Update, Usage};
use tokio::{io::AsyncWriteExt, net::UnixStream};

/// The way to the supervisor; opened when first needed, and again when it broke.
pub struct Reporter {
    socket: PathBuf,
    stream: Option<UnixStream>,
    activity: Option<ActivityState>,
    /// What the supervisor was told of.
    reported: Usage,
}

impl Reporter {
    /// Over the supervisor's control socket.
    pub fn new(socket: &Path) -> Self {
        Self {
            socket: socket.to_owned(),
            stream: None,
            activity: None,
            reported: Usage::default(),
        }
    }

    /// What the agent does; repeated only when it changes.
    pub async fn activity(&mut self, state: ActivityState, now_ms: i64) {
        if self.activity.replace(state) != Some(state) {
            self.send(&Update::Activity(Activity {
                state,
                since: now_ms,
            }))
            .await;
        }
    }

    /// Session and usage.
    pub async fn runner(&mut self, session: Option<Session>, usage: Usage) {
        let used = Usage {
            turns: usage.turns - self.reported.turns,
            tokens_in: usage.tokens_in - self.reported.tokens_in,
            tokens_out: usage.tokens_out - self.reported.tokens_out,
            cost_usd: usage.cost_usd - self.reported.cost_usd,
        };
        self.reported = usage;
        self.send(&Update::Runner { session, used }).await;
    }

    async fn send(&mut self, update: &Update) {
        if self.stream.is_none() {
            self.stream = UnixStream::connect(&self.socket).await.ok();
        }
        if let Some(stream) = &mut self.stream
            && let Err(error) = stream.write_all(update.to_line().as_bytes()).await
        {
            tracing::debug!(%error, "the supervisor did not take a report");
            self.stream = None;
        }
    }
}
