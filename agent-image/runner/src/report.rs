//! Tells the supervisor what goes on: activity and session, for display, and what was used, which counts.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use agentchat_contract::{Activity, ActivityState, Session, UPDATE_TAKEN, Update, Usage};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::UnixStream,
    time::timeout,
};

/// How long the supervisor may take to answer.
const ANSWER: Duration = Duration::from_secs(5);
/// How often a report is tried.
const TRIES: u32 = 2;

/// Why the supervisor did not take a report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// Nobody listens, or the connection broke.
    #[error("can't reach the supervisor at {}", socket.display())]
    Unreachable {
        /// Where.
        socket: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Somebody else listens.
    #[error(
        "the process that listens at {} is not the supervisor, which started this one",
        socket.display()
    )]
    Impostor {
        /// Where.
        socket: PathBuf,
    },
    /// There was no answer, or another one than expected.
    #[error("the supervisor did not confirm a report within {} s", ANSWER.as_secs())]
    Unconfirmed,
}

/// The way to the supervisor; opened when first needed, and again when it broke.
pub struct Reporter {
    socket: PathBuf,
    stream: Option<BufReader<UnixStream>>,
    activity: Option<ActivityState>,
    /// What was used and is not confirmed yet.
    unconfirmed: Usage,
}

impl Reporter {
    /// Over the supervisor's control socket.
    pub fn new(socket: &Path) -> Self {
        Self {
            socket: socket.to_owned(),
            stream: None,
            activity: None,
            unconfirmed: Usage::default(),
        }
    }

    /// What the agent does; repeated only when it changes. One that fails stops nothing.
    pub async fn activity(&mut self, state: ActivityState, now_ms: i64) {
        if self.activity.replace(state) == Some(state) {
            return;
        }
        let update = Update::Activity(Activity {
            state,
            since: now_ms,
        });
        if let Err(error) = self.send(&update).await {
            tracing::debug!(%error, "the supervisor did not take a report");
            self.stream = None;
        }
    }

    /// Notes what was used; it goes with the next [`Reporter::report`].
    pub fn used(&mut self, more: &Usage) {
        self.unconfirmed.add(more);
    }

    /// Reports the session, and what was used. Once this succeeds, the usage is in the supervisor's account; after
    /// a failure it goes with the next report.
    pub async fn report(&mut self, session: Option<Session>) -> Result<(), ReportError> {
        let update = Update::Runner {
            session,
            used: self.unconfirmed.clone(),
        };
        let mut tries = 1;
        loop {
            match self.confirmed(&update).await {
                Ok(()) => {
                    self.unconfirmed = Usage::default();
                    return Ok(());
                }
                Err(error) => {
                    // An answer that comes late must not be taken for that to another report.
                    self.stream = None;
                    if tries == TRIES {
                        return Err(error);
                    }
                    tries += 1;
                }
            }
        }
    }

    /// Sends an update and waits until the supervisor has confirmed it.
    async fn confirmed(&mut self, update: &Update) -> Result<(), ReportError> {
        let answered = async {
            let stream = self.send(update).await?;
            let mut answer = String::new();
            match stream.read_line(&mut answer).await {
                Ok(_) if answer == UPDATE_TAKEN => Ok(()),
                _ => Err(ReportError::Unconfirmed),
            }
        };
        let answered = timeout(ANSWER, answered).await;
        answered.unwrap_or(Err(ReportError::Unconfirmed))
    }

    async fn send(&mut self, update: &Update) -> Result<&mut BufReader<UnixStream>, ReportError> {
        let unreachable = |source| ReportError::Unreachable {
            socket: self.socket.clone(),
            source,
        };
        let stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let stream = UnixStream::connect(&self.socket)
                    .await
                    .map_err(unreachable)?;
                // The agent can put a socket of its own in the place of the supervisor's.
                let listener = stream.peer_cred().map_err(unreachable)?.pid();
                if listener.and_then(|pid| u32::try_from(pid).ok())
                    != Some(std::os::unix::process::parent_id())
                {
                    let socket = self.socket.clone();
                    return Err(ReportError::Impostor { socket });
                }
                BufReader::new(stream)
            }
        };
        let stream = self.stream.insert(stream);
        let line = update.to_line();
        let unreachable = |source| ReportError::Unreachable {
            socket: self.socket.clone(),
            source,
        };
        stream
            .write_all(line.as_bytes())
            .await
            .map_err(unreachable)?;
        Ok(stream)
    }
}
