//! What waits for one session to be sent: bounded in bytes, and never waited for.
//!
//! The hub writes frames straight to a socket that takes them, without waking its session. What a socket does not
//! take at once, and what goes through TLS, waits here, and the session takes out whatever is there. A session
//! that falls behind by more bytes than it may is not waited for: the hub cuts it off, past everything that waits.

mod joined;
mod outbound_frame;

use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
};

use bytes::Bytes;
use rustix::net::SendFlags;
use tokio::{
    net::{TcpStream, tcp::OwnedWriteHalf},
    sync::oneshot,
};

use self::outbound_frame::OVERHEAD;
pub use self::{joined::Joined, outbound_frame::OutboundFrame};
use crate::wire::PING;

/// The most bytes that a session takes out at once; a larger frame comes alone.
const TAKEN: usize = 64 * 1024;
/// A queue that has grown beyond this many frames is given back once it is empty.
const IDLE: usize = 32;

/// The session's frames have grown beyond its bound.
#[derive(Debug)]
pub struct Full;

/// What became of what was put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// All of it is with the operating system.
    Sent,
    /// Some of it waits for the session.
    Queued,
}

struct State {
    /// The rest of what the socket took a part of: it goes out before anything else, whatever happens.
    begun: Option<Bytes>,
    frames: VecDeque<OutboundFrame>,
    /// Weight of the frames.
    waiting: usize,
    /// The session, when it waits.
    waker: Option<Waker>,
    /// Whether both ends are there.
    open: bool,
    /// Whether something did not fit: nothing must come after it.
    behind: bool,
    /// Whether the session is writing what it took out.
    writing: bool,
    /// The socket, when what goes out needs nothing done to it.
    socket: Option<Arc<OwnedWriteHalf>>,
}

impl State {
    /// The socket, if nothing is to go before what goes there now.
    fn free(&self) -> Option<&OwnedWriteHalf> {
        let free = self.begun.is_none() && self.frames.is_empty() && !self.writing;
        self.socket.as_deref().filter(|_| free)
    }

    /// Puts in what was not written of these.
    fn push_rest<'a>(
        &mut self,
        outbound: impl Iterator<Item = &'a OutboundFrame>,
        mut written: usize,
        bound: usize,
    ) -> Result<(), Full> {
        for out in outbound {
            match out.bytes() {
                Some(bytes) if written >= bytes.len() => written -= bytes.len(),
                Some(bytes) if written > 0 => {
                    self.begun = Some(bytes.slice(written..));
                    written = 0;
                }
                _ => self.push(out.clone(), bound)?,
            }
        }
        Ok(())
    }

    fn push(&mut self, out: OutboundFrame, bound: usize) -> Result<(), Full> {
        let weight = out.weight();
        if weight > 0 && self.waiting + weight > bound {
            return Err(Full);
        }
        self.waiting += weight;
        self.frames.push_back(out);
        Ok(())
    }
}

/// What both ends share.
pub struct Mailbox {
    state: Mutex<State>,
    bound: usize,
}

impl Mailbox {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends these, or puts them in. A session that has ended takes nothing more, and neither does one that has
    /// fallen behind, which is said once. Once they are sent, nobody reports [`OutboundFrame::More`] any more.
    pub fn put<'a>(
        &self,
        outbound: impl Iterator<Item = &'a OutboundFrame> + Clone,
        joined: &mut Joined,
    ) -> Result<Put, Full> {
        let mut state = self.lock();
        if !state.open || state.behind {
            return Ok(Put::Queued);
        }
        let mut written = 0;
        if let Some(socket) = state.free()
            && let Some(bytes) = joined.join(outbound.clone())
        {
            written = send(socket, bytes);
            if written == bytes.len() {
                return Ok(Put::Sent);
            }
        }
        let put = state.push_rest(outbound, written, self.bound);
        state.behind = put.is_err();
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        put.map(|()| Put::Queued)
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

/// Sends what the socket takes at once, straight away; says how many bytes. What is wrong with the socket, if it is
/// broken, the session finds out and says.
fn send(socket: &OwnedWriteHalf, bytes: &[u8]) -> usize {
    let stream: &TcpStream = socket.as_ref();
    rustix::net::send(stream, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL).unwrap_or(0)
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

/// Makes a queue of at most `bound` bytes; frames go past it to `socket` when that takes them.
pub fn outbox(bound: usize, socket: Option<Arc<OwnedWriteHalf>>) -> (Outbox, Queue, Cut) {
    let (cut, asked) = oneshot::channel();
    let state = State {
        begun: None,
        frames: VecDeque::new(),
        waiting: 0,
        waker: None,
        open: true,
        behind: false,
        writing: false,
        socket,
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
    /// Where frames are put.
    pub fn mailbox(&self) -> &Arc<Mailbox> {
        &self.mailbox
    }

    /// Bytes that wait.
    pub fn waiting(&self) -> usize {
        self.mailbox.lock().waiting
    }

    /// Whether something did not fit.
    pub fn is_behind(&self) -> bool {
        self.mailbox.lock().behind
    }

    /// Ends the session with this code and reason, without what waits.
    pub fn cut(mut self, code: u16, reason: &'static str) {
        let cut = self.cut.take();
        if cut.is_some_and(|cut| cut.send((code, reason)).is_err()) {
            tracing::trace!("the session has ended");
        }
    }
}

/// The hub has sent its last frame, which is among what waits.
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
    pub async fn take(&mut self, taken: &mut Vec<OutboundFrame>) -> bool {
        poll_fn(|context| {
            let mut state = self.mailbox.lock();
            state.writing = false;
            if state.begun.is_none() && state.frames.is_empty() {
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
            state.writing = true;
            let begun = state.begun.take();
            let mut size = begun.as_ref().map_or(0, Bytes::len);
            taken.extend(begun.map(OutboundFrame::Raw));
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

    /// Throws away what waits, but for the rest of what was begun, and lets nothing past any more.
    pub fn clear(&mut self) {
        let mut state = self.mailbox.lock();
        state.frames.clear();
        state.waiting = 0;
        state.socket = None;
    }

    /// Asks the client for a sign of life.
    pub fn ping(&mut self) {
        let mut state = self.mailbox.lock();
        state
            .frames
            .push_back(OutboundFrame::Raw(Bytes::from_static(PING)));
        state.waiting += PING.len() + OVERHEAD;
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
        // Also after the hub's last frame: the answer to a close.
        let out = OutboundFrame::Raw(Bytes::copy_from_slice(frames));
        state.push(out, self.mailbox.bound)?;
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
