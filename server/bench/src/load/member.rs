//! One of the crowd: hears, checks, and in a closed loop answers itself.

use std::{
    cell::RefCell,
    future::poll_fn,
    io,
    rc::Rc,
    task::{Context, Poll, Waker, ready},
};

use super::shared::Shared;
use crate::{
    connection::{Connection, Outgoing},
    sequence::{Faults, Sequence},
};

/// A member of a channel.
pub struct Member {
    connection: RefCell<Connection>,
    sequence: RefCell<Sequence>,
    waker: RefCell<Waker>,
    /// Which channel.
    pub channel: usize,
    /// Which sender it is, if it is one.
    pub sender: Option<u32>,
}

impl Member {
    pub fn new(
        connection: Connection,
        sequence: Sequence,
        channel: usize,
        sender: Option<u32>,
    ) -> Self {
        Self {
            connection: RefCell::new(connection),
            sequence: RefCell::new(sequence),
            waker: RefCell::new(Waker::noop().clone()),
            channel,
            sender,
        }
    }

    /// The connection, when the run is over.
    pub fn into_connection(self) -> Connection {
        self.connection.into_inner()
    }

    /// Hears for as long as the connection stands.
    pub async fn listen(self: Rc<Self>, shared: Rc<Shared>) {
        let ended = poll_fn(|cx| self.poll(cx, &shared)).await;
        if let Err(error) = ended {
            shared
                .broken
                .borrow_mut()
                .get_or_insert_with(|| error.to_string());
        }
    }

    fn poll(&self, cx: &mut Context<'_>, shared: &Shared) -> Poll<io::Result<()>> {
        self.waker.borrow_mut().clone_from(cx.waker());
        let mut connection = self.connection.borrow_mut();
        loop {
            if let Poll::Ready(Err(error)) = connection.poll_flush(cx) {
                return Poll::Ready(Err(error));
            }
            let mut now_ns = None;
            ready!(connection.poll_frames(cx, |frame, out| {
                // One look at the clock for all that came at once.
                let now_ns = *now_ns.get_or_insert_with(|| shared.clock.now_ns());
                self.hear(frame, now_ns, shared, out);
            }))?;
        }
    }

    fn hear(&self, frame: &[u8], now_ns: u64, shared: &Shared, out: &mut Outgoing) {
        let Some(message) = shared.finder.find(frame) else {
            return;
        };
        if !self
            .sequence
            .borrow_mut()
            .hear(message.sender, message.number)
        {
            return;
        }
        shared.hear(message, now_ns);
        let own = self.sender.filter(|sender| *sender == message.sender);
        if let Some(sender) = own.filter(|_| shared.window.is_some() && !shared.stopped()) {
            shared.say(sender, now_ns, out);
        }
    }

    /// Says the first messages of a closed loop.
    pub fn begin(&self, shared: &Shared) {
        for _ in 0..shared.window.unwrap_or(0) {
            self.say(shared.clock.now_ns(), shared);
        }
    }

    /// Says the next message, which was to be sent at a time.
    pub fn say(&self, sent_ns: u64, shared: &Shared) {
        let Some(sender) = self.sender else {
            return;
        };
        let mut connection = self.connection.borrow_mut();
        shared.say(sender, sent_ns, &mut connection.out);
        // What does not go at once is left to the task that listens; so are errors.
        let mut cx = Context::from_waker(Waker::noop());
        if !matches!(connection.poll_flush(&mut cx), Poll::Ready(Ok(()))) {
            self.waker.borrow().wake_by_ref();
        }
    }

    /// What was wrong with what it heard.
    pub fn faults(&self, shared: &Shared) -> Faults {
        self.sequence.borrow().faults(|sender| shared.sent(sender))
    }

    /// How many messages it heard.
    pub fn came(&self) -> u64 {
        let sequence = self.sequence.borrow();
        sequence.came().map(|(_, came)| u64::from(came)).sum()
    }
}
