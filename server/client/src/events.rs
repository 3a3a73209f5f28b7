//! Events on their way to the reader: in order, bounded in bytes.
//!
//! While the queue is full, nothing is read from the server and no new connection is made; requests fail
//! once they had no answer for their time. A reader that has gone takes nothing, and holds up nothing.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::{Notify, mpsc};

use crate::Event;

/// What an event weighs besides its texts.
const OVERHEAD: usize = 256;

/// What happens, in order. Take events without long pauses, or drop this: while 8 MiB of them wait, the
/// client reads nothing more from the server.
pub struct Events {
    queue: mpsc::UnboundedReceiver<Event>,
    room: Arc<Room>,
}

/// The client's end.
pub struct EventQueue {
    // Unbounded in events: every event has a weight, and the client stops reading at the bound.
    queue: mpsc::UnboundedSender<Event>,
    room: Arc<Room>,
    bound: usize,
}

#[derive(Default)]
struct Room {
    waiting: AtomicUsize,
    freed: Notify,
}

/// Makes a queue that is full at `bound` bytes.
pub fn events(bound: usize) -> (EventQueue, Events) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let room = Arc::new(Room::default());
    let events = Events {
        queue: receiver,
        room: room.clone(),
    };
    let queue = EventQueue {
        queue: sender,
        room,
        bound,
    };
    (queue, events)
}

impl Events {
    /// The next event; `None` once the client was shut down.
    pub async fn recv(&mut self) -> Option<Event> {
        let event = self.queue.recv().await?;
        self.room
            .waiting
            .fetch_sub(weight(&event), Ordering::Relaxed);
        self.room.freed.notify_one();
        Some(event)
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.queue.close();
        self.room.freed.notify_one();
    }
}

impl EventQueue {
    /// Puts an event in, also beyond the bound.
    pub fn push(&self, event: Event) {
        let weight = weight(&event);
        self.room.waiting.fetch_add(weight, Ordering::Relaxed);
        if self.queue.send(event).is_err() {
            self.room.waiting.fetch_sub(weight, Ordering::Relaxed);
        }
    }

    /// Whether the reader has enough to do.
    pub fn is_full(&self) -> bool {
        self.room.waiting.load(Ordering::Relaxed) >= self.bound && !self.queue.is_closed()
    }

    /// Waits until it is not full.
    pub async fn freed(&self) {
        while self.is_full() {
            self.room.freed.notified().await;
        }
    }
}

fn weight(event: &Event) -> usize {
    OVERHEAD
        + match event {
            Event::Message(message) => message.content.len(),
            Event::FileChunk { content, .. } => content.len(),
            _ => 0,
        }
}
