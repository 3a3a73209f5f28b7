//! Events of escrows, posted to somebody who follows them.
//!
//! Each is posted after what it tells of is durable, in order; one whose answer is lost comes again. One that nobody
//! takes within its tries is logged and lost, and so are those that wait when the server is killed. The hub never
//! waits: what does not fit into the queue is logged and lost.

mod post;
mod roots;
pub mod target;
#[cfg(test)]
mod tests;

use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};
use tokio_rustls::TlsConnector;

use self::{post::post, target::Target};
use crate::settings::Settings;

/// Events that may wait.
const WAITING: usize = 1024;
/// How often one is tried.
const TRIES: u32 = 6;
/// One try.
const TRY: Duration = Duration::from_secs(5);
/// After the first try that failed, at most; doubled each time.
const PAUSE: Duration = Duration::from_millis(500);

/// Where events are put; they are posted by [`Poster::follow`].
pub fn queue() -> (mpsc::Sender<String>, mpsc::Receiver<String>) {
    mpsc::channel(WAITING)
}

/// Posts events.
pub struct Poster {
    target: Target,
    connector: Option<TlsConnector>,
    first_pause: Duration,
}

impl Poster {
    /// To whom the settings say, if they do.
    pub fn new(settings: &Settings) -> anyhow::Result<Option<Self>> {
        let Some(target) = settings.webhook.clone() else {
            return Ok(None);
        };
        let connector = match target.tls {
            Some(_) => Some(roots::connector(settings.webhook_ca.as_deref())?),
            None => None,
        };
        Ok(Some(Self {
            target,
            connector,
            first_pause: PAUSE,
        }))
    }

    /// Posts events until no more can come.
    pub async fn follow(self, mut events: mpsc::Receiver<String>) {
        let random = SystemRandom::new();
        while let Some(event) = events.recv().await {
            let mut pause = self.first_pause;
            for left in (0..TRIES).rev() {
                let posted =
                    timeout(TRY, post(&self.target, self.connector.as_ref(), &event)).await;
                let (why, passes) = match posted {
                    Ok(Ok(())) => break,
                    Ok(Err(error)) => (chain(&error), error.passes()),
                    Err(_) => ("no answer in time".to_owned(), true),
                };
                if !passes || left == 0 {
                    tracing::error!(why, "an escrow event was not taken, and is lost");
                    break;
                }
                tracing::warn!(why, left, "an escrow event was not taken yet");
                sleep(jittered(pause, &random)).await;
                pause *= 2;
            }
        }
    }
}

/// Between a half and all of it: several servers that failed together don't come back together.
fn jittered(pause: Duration, random: &SystemRandom) -> Duration {
    let mut byte = [u8::MAX];
    if random.fill(&mut byte).is_err() {
        tracing::debug!("no random numbers: a pause is not jittered");
    }
    pause / 2 + pause / 2 * u32::from(byte[0]) / u32::from(u8::MAX)
}

fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}
