//! Tells the supervisor what goes on. A report that fails never stops the agent.

use std::path::{Path, PathBuf};

use agentchat_contract::{Activity, ActivityState, Session, Update, Usage};
use tokio::{io::AsyncWriteExt, net::UnixStream};

/// The way to the supervisor; opened when first needed, and again when it broke.
pub struct Reporter {
    socket: PathBuf,
    stream: Option<UnixStream>,
    activity: Option<ActivityState>,
}

impl Reporter {
    /// Over the supervisor's control socket.
    pub fn new(socket: &Path) -> Self {
        Self {
            socket: socket.to_owned(),
            stream: None,
            activity: None,
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
        self.send(&Update::Runner { session, usage }).await;
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
