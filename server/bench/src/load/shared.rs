//! What all members of a run share.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use crate::{
    clock::Clock,
    connection::Outgoing,
    histogram::Histogram,
    marker::{self, Finder, Marker},
};

/// One who talks.
pub struct Sender {
    channel: Rc<str>,
    hearers: u32,
    /// How many messages it has sent.
    sent: Cell<u32>,
}

impl Sender {
    /// In a channel with so many members, itself among them.
    pub fn new(channel: Rc<str>, hearers: u32) -> Self {
        Self {
            channel,
            hearers,
            sent: Cell::new(0),
        }
    }
}

/// What all members share.
pub struct Shared {
    pub clock: Clock,
    pub finder: Finder,
    pub latency: RefCell<Histogram>,
    /// How late the generator was.
    pub lag: RefCell<Histogram>,
    /// Why a connection ended, if one did.
    pub broken: RefCell<Option<String>>,
    /// Messages on their way of each sender; none in an open loop.
    pub window: Option<u32>,
    senders: Vec<Sender>,
    size: usize,
    expected: Cell<u64>,
    delivered: Cell<u64>,
    counting: Cell<bool>,
    stopped: Cell<bool>,
    text: RefCell<Vec<u8>>,
}

impl Shared {
    pub fn new(senders: Vec<Sender>, size: usize, window: Option<u32>) -> Self {
        Self {
            clock: Clock::start(),
            finder: Finder::default(),
            latency: RefCell::default(),
            lag: RefCell::default(),
            broken: RefCell::default(),
            window,
            senders,
            size,
            expected: Cell::new(0),
            delivered: Cell::new(0),
            counting: Cell::new(false),
            stopped: Cell::new(false),
            text: RefCell::default(),
        }
    }

    /// Writes a sender's next message, which was to be sent at a time.
    pub fn say(&self, sender: u32, sent_ns: u64, out: &mut Outgoing) {
        let Some(from) = self.senders.get(sender as usize) else {
            return;
        };
        let number = from.sent.get();
        from.sent.set(number + 1);
        self.expected
            .set(self.expected.get() + u64::from(from.hearers));
        let message = Marker {
            sender,
            number,
            sent_ns,
        };
        let mut text = self.text.borrow_mut();
        marker::say(&mut text, &from.channel, message, self.size);
        out.say(&text);
    }

    /// Somebody heard a message for the first time.
    pub fn hear(&self, message: Marker, now_ns: u64) {
        self.delivered.set(self.delivered.get() + 1);
        if self.counting.get() {
            let latency = now_ns.saturating_sub(message.sent_ns);
            self.latency.borrow_mut().record(latency);
        }
    }

    /// From now on it counts; to be given back at the end.
    pub fn count(&self) -> (u64, u64) {
        self.latency.borrow_mut().clear();
        self.lag.borrow_mut().clear();
        self.counting.set(true);
        (self.delivered.get(), self.clock.now_ns())
    }

    /// Nobody says anything more: deliveries since it counted, and how long that was.
    pub fn stop_counting(&self, (delivered, began): (u64, u64)) -> (u64, Duration) {
        // What was said in time and comes later still counts for the latency, or the slowest would be missing.
        self.stopped.set(true);
        let took = Duration::from_nanos(self.clock.now_ns() - began);
        (self.delivered.get() - delivered, took)
    }

    /// Whether nobody is to say anything more.
    pub fn stopped(&self) -> bool {
        self.stopped.get()
    }

    pub fn delivered(&self) -> u64 {
        self.delivered.get()
    }

    /// Deliveries that are still to come.
    pub fn missing(&self) -> u64 {
        self.expected.get().saturating_sub(self.delivered.get())
    }

    /// How many messages a sender has sent.
    pub fn sent(&self, sender: u32) -> u32 {
        let sender = self.senders.get(sender as usize);
        sender.map_or(0, |sender| sender.sent.get())
    }
}
