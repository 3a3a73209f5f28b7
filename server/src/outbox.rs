//! What waits for one session to be sent: bounded in bytes, and never waited for.
//!
//! The hub puts frames in, the session takes out whatever is there at once. A session that falls behind by more
//! bytes than it may is not waited for: the hub cuts it off, past everything that waits.

use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
};

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::wire::Encoded;

/// What a frame weighs besides its text.
const OVERHEAD: usize = 64;
/// The most bytes that a session takes out at once; a larger frame comes alone.
const TAKEN: usize = 64 * 1024;
/// A queue that has grown beyond this many frames is given back once it is empty.
const IDLE: usize = 32;

/// What the hub tells a session.
#[derive(Clone, Debug)]
pub enum Out {
    /// Send this frame, encoded once for everybody.
    Text(Encoded),
    /// Send this frame, which is history that was asked for: it has no weight.
    Replay(Encoded),
    /// Send this as it is: an answer of the WebSocket layer.
    Raw(Bytes),
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
            Self::Text(text) => text.payload_len() + OVERHEAD,
            Self::Raw(bytes) => bytes.len() + OVERHEAD,
            Self::Replay(_) | Self::More | Self::Probe | Self::Close(..) => 0,
        }
    }

    /// Bytes on the wire.
    pub fn size(&self) -> usize {
        match self {
            Self::Text(text) | Self::Replay(text) => text.bytes().len(),
            Self::Raw(bytes) => bytes.len(),
            Self::More | Self::Probe | Self::Close(..) => 0,
        }
    }
}

/// The session's frames have grown beyond its bound.
#[derive(Debug)]
pub struct Full;

struct State {
    frames: VecDeque<Out>,
    /// Weight of the frames.
    waiting: usize,
    /// The session, when it waits.
    waker: Option<Waker>,
    /// Whether both ends are there.
    open: bool,
}

struct Mailbox {
    state: Mutex<State>,
    bound: usize,
}

impl Mailbox {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, out: Out) -> Result<(), Full> {
        let weight = out.weight();
        let waker = {
            let mut state = self.lock();
            if !state.open {
                return Ok(());
            }
            if weight > 0 && state.waiting + weight > self.bound {
                return Err(Full);
            }
            state.waiting += weight;
            state.frames.push_back(out);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }

    fn end(&self) {
        let waker = {
            let mut state = self.lock();
            state.open = false;
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// The hub's end.
pub struct Outbox {
    mailbox: Arc<Mailbox>,
    cut: Option<oneshot::Sender<(u16, &'static str)>>,
}

/// The session's end.
pub struct Queue {
    mailbox: Arc<Mailbox>,
}

/// Where answers of the WebSocket layer go.
pub struct Replies {
    mailbox: Arc<Mailbox>,
}

/// Resolves when the session is to be cut off.
pub type Cut = oneshot::Receiver<(u16, &'static str)>;

/// Makes a queue of at most `bound` bytes.
pub fn outbox(bound: usize) -> (Outbox, Queue, Cut) {
    let (cut, asked) = oneshot::channel();
    let state = State {
        frames: VecDeque::new(),
        waiting: 0,
        waker: None,
        open: true,
    };
    let mailbox = Arc::new(Mailbox {
        state: Mutex::new(state),
        bound,
    });
    let queue = Queue {
        mailbox: mailbox.clone(),
    };
    let cut = Some(cut);
    (Outbox { mailbox, cut }, queue, asked)
}

impl Outbox {
    /// Puts a frame in. A session that has ended takes nothing more, and that is no error.
    pub fn put(&self, out: Out) -> Result<(), Full> {
        self.mailbox.put(out)
    }

    /// Bytes that wait.
    pub fn waiting(&self) -> usize {
        self.mailbox.lock().waiting
    }

    /// Ends the session with this code and reason, without what waits.
    pub fn cut(mut self, code: u16, reason: &'static str) {
        let cut = self.cut.take();
        if cut.is_some_and(|cut| cut.send((code, reason)).is_err()) {
            tracing::trace!("the session has ended");
        }
    }
}

/// The hub has said its last word, which is among what waits.
impl Drop for Outbox {
    fn drop(&mut self) {
        self.mailbox.end();
    }
}

/// The session has ended: it takes nothing more.
impl Drop for Queue {
    fn drop(&mut self) {
        self.mailbox.end();
        self.clear();
    }
}

impl Queue {
    /// Waits until something is there, and moves it into `taken`, at most so much as goes out in one write.
    /// False when the hub has forgotten the session and nothing is left.
    pub async fn take(&mut self, taken: &mut Vec<Out>) -> bool {
        poll_fn(|context| {
            let mut state = self.mailbox.lock();
            if state.frames.is_empty() {
                if !state.open {
                    return Poll::Ready(false);
                }
                match &mut state.waker {
                    Some(waker) => waker.clone_from(context.waker()),
                    none => *none = Some(context.waker().clone()),
                }
                return Poll::Pending;
            }
            state.waker = None;
            let mut size = 0;
            while let Some(next) = state.frames.front()
                && (size == 0 || size + next.size() <= TAKEN)
                && let Some(out) = state.frames.pop_front()
            {
                size += out.size();
                state.waiting -= out.weight();
                taken.push(out);
            }
            if state.frames.is_empty() && state.frames.capacity() > IDLE {
                state.frames = VecDeque::new();
            }
            Poll::Ready(true)
        })
        .await
    }

    /// Throws away what waits.
    pub fn clear(&mut self) {
        let mut state = self.mailbox.lock();
        state.frames.clear();
        state.waiting = 0;
    }

    /// Where answers of the WebSocket layer go, between the hub's frames.
    pub fn replies(&self) -> Replies {
        Replies {
            mailbox: self.mailbox.clone(),
        }
    }
}

impl Replies {
    /// Puts whole frames in, encoded.
    pub fn put(&self, frames: &[u8]) -> Result<(), Full> {
        let mut state = self.mailbox.lock();
        // Also after the hub's last word: the answer to a close.
        if state.waiting + frames.len() + OVERHEAD > self.mailbox.bound {
            return Err(Full);
        }
        let out = Out::Raw(Bytes::copy_from_slice(frames));
        state.waiting += out.weight();
        state.frames.push_back(out);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_bound_is_in_bytes_and_taking_frees_it() {
        let frame = Out::Text(Encoded::text(&"x".repeat(1000 - OVERHEAD)));
        let (outbox, mut queue, _cut) = outbox(2500);
        outbox.put(frame.clone()).unwrap();
        outbox.put(frame.clone()).unwrap();
        assert!(outbox.put(frame.clone()).is_err());
        let mut taken = vec![];
        assert!(queue.take(&mut taken).await);
        assert_eq!((taken.len(), outbox.waiting()), (2, 0));
        outbox.put(frame.clone()).unwrap();
        outbox.put(frame.clone()).unwrap();
        assert!(outbox.put(frame).is_err());
        // A close always fits.
        outbox.put(Out::Close(1000, "bye")).unwrap();
    }

    #[tokio::test]
    async fn no_more_is_taken_than_goes_out_in_one_write() {
        let (outbox, mut queue, _cut) = outbox(1 << 30);
        for size in [TAKEN / 2, TAKEN / 2, 2 * TAKEN, 1] {
            outbox
                .put(Out::Text(Encoded::text(&"x".repeat(size))))
                .unwrap();
        }
        drop(outbox);
        let mut counts = vec![];
        let mut taken = vec![];
        while queue.take(&mut taken).await {
            counts.push(std::mem::take(&mut taken).len());
        }
        assert_eq!(counts, [1, 1, 1, 1]);
    }

    #[tokio::test]
    async fn a_session_that_waits_is_woken_and_learns_of_the_end() {
        let (outbox, mut queue, _cut) = outbox(2500);
        let waits = tokio::spawn(async move {
            let (mut taken, mut count) = (vec![], 0);
            while queue.take(&mut taken).await {
                count += std::mem::take(&mut taken).len();
            }
            count
        });
        tokio::task::yield_now().await;
        outbox.put(Out::More).unwrap();
        tokio::task::yield_now().await;
        outbox.put(Out::More).unwrap();
        drop(outbox);
        assert_eq!(waits.await.unwrap(), 2);
    }
}
