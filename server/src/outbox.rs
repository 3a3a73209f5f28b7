//! What waits for one session to be sent: bounded in bytes, and never waited for.
//!
//! The hub puts frames in, the session takes them out. A session that falls behind by more bytes than it
//! may is not waited for: the hub cuts it off, past everything that waits.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// What a frame weighs besides its text.
const OVERHEAD: usize = 64;

/// What the hub tells a session.
#[derive(Clone, Debug)]
pub enum Out {
    /// Send this frame, encoded once for everybody.
    Text(Utf8Bytes),
    /// Send this frame, which is history that was asked for: it has no weight.
    Replay(Utf8Bytes),
    /// Report once all before this is with the operating system; the hub sends more history then.
    More,
    /// Ask the client for a sign of life, and report it.
    Probe,
    /// Close with this code and reason, after what waits.
    Close(u16, &'static str),
}

impl Out {
    fn weight(&self) -> usize {
        match self {
            Self::Text(text) => text.len() + OVERHEAD,
            Self::Replay(_) | Self::More | Self::Probe | Self::Close(..) => 0,
        }
    }
}

/// The session's frames have grown beyond its bound.
#[derive(Debug)]
pub struct Full;

/// The hub's end.
pub struct Outbox {
    queue: mpsc::UnboundedSender<Out>,
    waiting: Arc<AtomicUsize>,
    bound: usize,
    cut: oneshot::Sender<(u16, &'static str)>,
}

/// The session's end.
pub struct Queue {
    queue: mpsc::UnboundedReceiver<Out>,
    waiting: Arc<AtomicUsize>,
}

/// Resolves when the session is to be cut off.
pub type Cut = oneshot::Receiver<(u16, &'static str)>;

/// Makes a queue of at most `bound` bytes.
pub fn outbox(bound: usize) -> (Outbox, Queue, Cut) {
    // Unbounded in frames: every frame has a weight, and `put` refuses beyond the bound.
    let (sender, receiver) = mpsc::unbounded_channel();
    let (cut, asked) = oneshot::channel();
    let waiting = Arc::new(AtomicUsize::new(0));
    let queue = Queue {
        queue: receiver,
        waiting: waiting.clone(),
    };
    let outbox = Outbox {
        queue: sender,
        waiting,
        bound,
        cut,
    };
    (outbox, queue, asked)
}

impl Outbox {
    /// Puts a frame in. A session that has ended takes nothing more, and that is no error.
    pub fn put(&self, out: Out) -> Result<(), Full> {
        let weight = out.weight();
        let before = self.waiting.fetch_add(weight, Ordering::Relaxed);
        if weight > 0 && before + weight > self.bound {
            return Err(Full);
        }
        if self.queue.send(out).is_err() {
            tracing::trace!("the session has ended");
        }
        Ok(())
    }

    /// Bytes that wait.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Ends the session with this code and reason, without what waits.
    pub fn cut(self, code: u16, reason: &'static str) {
        if self.cut.send((code, reason)).is_err() {
            tracing::trace!("the session has ended");
        }
    }
}

impl Queue {
    /// The next frame; `None` when the hub has forgotten the session.
    pub async fn next(&mut self) -> Option<Out> {
        let out = self.queue.recv().await?;
        self.waiting.fetch_sub(out.weight(), Ordering::Relaxed);
        Some(out)
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_bound_is_in_bytes_and_taking_frees_it() {
        let frame = Out::Text("x".repeat(1000 - OVERHEAD).into());
        let (outbox, mut queue, _cut) = outbox(2500);
        outbox.put(frame.clone()).unwrap();
        outbox.put(frame.clone()).unwrap();
        queue.next().await.unwrap();
        outbox.put(frame.clone()).unwrap();
        assert!(outbox.put(frame).is_err());
        // A close always fits.
        outbox.put(Out::Close(1000, "bye")).unwrap();
    }
}
