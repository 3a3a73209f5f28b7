//! What waits for the hub: bounded in commands and in bytes. Sessions wait when it is full, and so does
//! whoever sends to them.

use std::{net::IpAddr, sync::Arc};

use tokio::sync::{Semaphore, mpsc, mpsc::error::TrySendError, oneshot};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::outbox::Outbox;

/// Commands that may wait.
const COMMANDS: usize = 8192;
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
    },
    /// What was sent of history is with the operating system: there is room for more.
    More {
        /// To which connection.
        id: u64,
    },
    /// The client gave the sign of life that it was asked for with [`OutboundFrame::Probe`](crate::outbox::OutboundFrame::Probe).
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

/// The hub's end.
pub struct Commands {
    queue: mpsc::Receiver<Command>,
    room: Arc<Semaphore>,
}

/// Makes an inbox of at most `bytes` bytes of frames.
pub fn inbox(bytes: usize) -> (Inbox, Commands) {
    let (sender, queue) = mpsc::channel(COMMANDS);
    let room = Arc::new(Semaphore::new(bytes / UNIT));
    let inbox = Inbox {
        queue: sender,
        room: room.clone(),
    };
    (inbox, Commands { queue, room })
}

impl Command {
    /// What it takes of the room.
    pub fn room(&self) -> usize {
        match self {
            Self::Frame { text, .. } => units(text),
            _ => 0,
        }
    }
}

fn units(text: &Utf8Bytes) -> usize {
    text.len() / UNIT + 1
}

impl Inbox {
    /// Waits for room and puts a command in.
    pub async fn send(&self, command: Command) -> Result<(), HubGone> {
        match self.queue.try_send(command) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(command)) => self.queue.send(command).await.map_err(|_| HubGone),
            Err(TrySendError::Closed(_)) => Err(HubGone),
        }
    }

    /// Waits for room and puts a frame in.
    pub async fn frame(&self, id: u64, text: Utf8Bytes) -> Result<(), HubGone> {
        let units = u32::try_from(units(&text)).map_err(|_| HubGone)?;
        let share = match self.room.try_acquire_many(units) {
            Ok(share) => share,
            Err(_) => self.room.acquire_many(units).await.map_err(|_| HubGone)?,
        };
        self.send(Command::Frame { id, text }).await?;
        // The hub gives it back, for many at a time; who gives up waiting has it still.
        share.forget();
        Ok(())
    }
}

impl Commands {
    /// Waits for a command; none when nobody is left who could send one.
    pub async fn recv(&mut self) -> Option<Command> {
        self.queue.recv().await
    }

    /// A command, if there is one.
    pub fn try_recv(&mut self) -> Option<Command> {
        self.queue.try_recv().ok()
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Frames that took so much of the room are done with.
    pub fn done(&self, room: usize) {
        self.room.add_permits(room);
    }
}

/// Nobody waits for room that never comes.
impl Drop for Commands {
    fn drop(&mut self) {
        self.room.close();
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
        let first = commands.recv().await.unwrap();
        assert!(frame(1).now_or_never().is_none());
        commands.done(first.room());
        frame(1).now_or_never().unwrap().unwrap();
        assert!(frame(1).now_or_never().is_none());
        // Who gives up while the queue is full gives back its room.
        let one = inbox.room.available_permits();
        for _ in 0..COMMANDS {
            let _ = inbox.send(Command::Gone { id: 1 }).now_or_never();
        }
        commands.done(1);
        assert!(frame(1).now_or_never().is_none());
        assert_eq!(inbox.room.available_permits(), one + 1);
        drop(commands);
        frame(1).await.unwrap_err();
        inbox.send(Command::Stop).await.unwrap_err();
    }
}
