//! What waits for the hub: bounded in commands and in bytes. Sessions wait when it is full, and so does
//! whoever sends to them.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::outbox::Outbox;

/// Commands that may wait.
const COMMANDS: usize = 4096;
/// Bytes are counted in units of this.
const UNIT: usize = 1024;

/// What sessions tell the hub.
pub enum Command {
    /// A connection stands.
    Open {
        /// Its number.
        id: u64,
        /// Where its frames go.
        outbox: Outbox,
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
    /// A connection ended.
    Gone {
        /// Its number.
        id: u64,
    },
    /// Somebody asks how the server is.
    Health {
        /// Where the answer goes, JSON.
        answer: oneshot::Sender<String>,
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
