//! What waits for the hub: bounded in commands and in bytes. Sessions wait when it is full, and so does
//! whoever sends to them.

use std::{net::IpAddr, sync::Arc};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::outbox::Outbox;

/// Commands that may wait.
const COMMANDS: usize = 4096;
/// Bytes are counted in units of this.
const UNIT: usize = 1024;

/// Where a connection comes from.
#[derive(Clone, Debug)]
pub struct From {
    /// The client's address, as far as it can be trusted.
    pub address: IpAddr,
    /// What the client says it is.
    pub user_agent: String,
}

/// What is asked over HTTP.
#[derive(Clone, Debug)]
pub enum Question {
    /// How the server is, JSON.
    Health,
    /// What does not work; no answer when all of it does.
    Ready,
    /// Figures, in the text format of Prometheus.
    Metrics,
    /// Who is connected, JSON; no answer without the right key.
    Connections {
        /// The admin key.
        key: Option<String>,
        /// Who asks.
        from: IpAddr,
    },
}

/// What sessions tell the hub.
pub enum Command {
    /// A connection stands.
    Open {
        /// Its number.
        id: u64,
        /// Where its frames go.
        outbox: Outbox,
        /// Where it comes from.
        from: From,
    },
    /// A frame came in.
    Frame {
        /// From which connection.
        id: u64,
        /// The frame.
        text: Utf8Bytes,
        /// Its share of the bytes that may wait.
        share: OwnedSemaphorePermit,
    },
    /// What was sent of history is with the operating system: there is room for more.
    More {
        /// To which connection.
        id: u64,
    },
    /// The client gave the sign of life that it was asked for with [`Out::Probe`](crate::outbox::Out::Probe).
    Alive {
        /// Which connection.
        id: u64,
    },
    /// The client gave no sign of life for too long, and is about to be dropped.
    Silent {
        /// Which connection.
        id: u64,
    },
    /// A connection ended.
    Gone {
        /// Its number.
        id: u64,
    },
    /// Somebody asks something over HTTP.
    Ask {
        /// What.
        question: Question,
        /// Where the answer goes.
        answer: oneshot::Sender<Option<String>>,
    },
    /// The server stops: end when what came before is done.
    Stop,
}

/// The hub is gone.
#[derive(Debug)]
pub struct HubGone;

/// The sessions' end; clones share it.
#[derive(Clone)]
pub struct Inbox {
    queue: mpsc::Sender<Command>,
    room: Arc<Semaphore>,
}

/// Makes an inbox of at most `bytes` bytes of frames.
pub fn inbox(bytes: usize) -> (Inbox, mpsc::Receiver<Command>) {
    let (queue, commands) = mpsc::channel(COMMANDS);
    let room = Arc::new(Semaphore::new(bytes / UNIT));
    (Inbox { queue, room }, commands)
}

impl Inbox {
    /// Waits for room and puts a command in.
    pub async fn send(&self, command: Command) -> Result<(), HubGone> {
        self.queue.send(command).await.map_err(|_| HubGone)
    }

    /// Waits for room and puts a frame in.
    pub async fn frame(&self, id: u64, text: Utf8Bytes) -> Result<(), HubGone> {
        let units = u32::try_from(text.len() / UNIT + 1).map_err(|_| HubGone)?;
        let share = self.room.clone().acquire_many_owned(units).await;
        let share = share.map_err(|_| HubGone)?;
        self.send(Command::Frame { id, text, share }).await
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn bytes_of_frames_are_bounded_and_come_free_as_they_are_handled() {
        let (inbox, mut commands) = inbox(3 * UNIT);
        let frame = |length: usize| inbox.frame(1, "x".repeat(length).into());
        // Each counts whole units: two of one, then one more.
        for length in [UNIT - 1, 0, 5] {
            frame(length).now_or_never().unwrap().unwrap();
        }
        assert!(frame(1).now_or_never().is_none(), "it did not wait");
        drop(commands.recv().await);
        frame(1).now_or_never().unwrap().unwrap();
        assert!(frame(1).now_or_never().is_none());
        drop(commands);
        assert!(frame(1).await.is_err() || inbox.send(Command::Stop).await.is_err());
    }
}
