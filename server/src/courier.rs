//! The courier: a thread that carries what is durable to the connections, while the hub is at the next batch.
//!
//! It takes one parcel at a time, in their order. What it comes upon, the hub hears at its next batch.

use std::{
    collections::HashMap,
    convert::Infallible,
    mem,
    ops::Range,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::JoinHandle,
};

use anyhow::Context;
use tokio::sync::Notify;

use crate::outbox::{Joined, Mailbox, Out, Outbox, Put};

/// So many connections are told before others may have the core.
const TURN: usize = 8;

/// What came of a batch.
pub struct Parcel {
    /// What is said, and to which connection.
    pub outs: Vec<(u64, Out)>,
    /// Places in it, by connection, each in its order.
    pub order: Vec<usize>,
    /// Who is told which of it, in the order in which they are.
    pub stops: Vec<Stop>,
    /// Connections that end: their last words are in here, or were in an earlier one.
    pub leaving: HashMap<u64, Outbox>,
    /// Dropped when all are told.
    told: Option<SyncSender<Infallible>>,
}

/// A connection that is told something.
pub struct Stop {
    pub id: u64,
    /// Which part of the parcel's order.
    pub outs: Range<usize>,
    pub mailbox: Arc<Mailbox>,
}

/// What the courier came upon.
#[derive(Default)]
pub struct Report {
    /// Connections that have fallen too far behind: they are told nothing any more.
    pub slow: Vec<u64>,
    /// Connections that took all of their history so far.
    pub drained: Vec<u64>,
    /// How many that were leaving had fallen behind, and were cut off.
    pub cut: u64,
}

impl Report {
    fn is_empty(&self) -> bool {
        self.slow.is_empty() && self.drained.is_empty() && self.cut == 0
    }
}

/// Where the courier's reports are.
#[derive(Default)]
pub struct Reports {
    report: Mutex<Report>,
    written: Notify,
}

impl Reports {
    fn lock(&self) -> MutexGuard<'_, Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was reported since the last time.
    pub fn take(&self) -> Report {
        mem::take(&mut *self.lock())
    }

    /// Waits for a report.
    pub async fn written(&self) {
        while self.lock().is_empty() {
            self.written.notified().await;
        }
    }

    /// Whether there is none.
    #[cfg(any(test, feature = "fuzzing"))]
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn write(&self, new: Report) {
        if new.is_empty() {
            return;
        }
        let mut report = self.lock();
        report.slow.extend(new.slow);
        report.drained.extend(new.drained);
        report.cut += new.cut;
        self.written.notify_one();
    }
}

/// Delivers parcels.
#[derive(Default)]
pub struct Courier {
    reports: Arc<Reports>,
    thread: Option<(SyncSender<Parcel>, JoinHandle<()>)>,
    /// Of a courier without a thread.
    joined: Joined,
    /// Whether there is a core for the courier besides that of the hub.
    has_core: bool,
}

impl Courier {
    /// From now on, parcels are delivered by a thread.
    pub fn start(&mut self) -> anyhow::Result<()> {
        self.has_core = std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1);
        let (parcels, given) = sync_channel(0);
        let reports = self.reports.clone();
        let thread = std::thread::Builder::new().name("courier".into());
        let thread = thread.spawn(move || work(&given, &reports));
        self.thread = Some((parcels, thread.context("the courier can't be started")?));
        Ok(())
    }

    /// What it comes upon.
    pub fn reports(&self) -> &Arc<Reports> {
        &self.reports
    }

    /// Waits until all that was handed over is delivered.
    pub fn finish(&mut self) -> anyhow::Result<()> {
        let Some((parcels, _)) = &self.thread else {
            return Ok(());
        };
        // It is taken when the one before is delivered.
        let nothing = Parcel::new(vec![], vec![], vec![], HashMap::new());
        parcels.send(nothing).context("the courier has ended")
    }

    /// Hands a parcel over once the one before is delivered; without a thread it is delivered at once.
    ///
    /// What a crowd is told is waited for on a single core: to read meanwhile what it says would only make it
    /// hear later.
    pub fn deliver(&mut self, mut parcel: Parcel, crowd: bool) -> anyhow::Result<()> {
        let Some((parcels, _)) = &self.thread else {
            self.reports.write(parcel.deliver(&mut self.joined));
            return Ok(());
        };
        let (told, all) = sync_channel(0);
        let wait = crowd && !self.has_core;
        parcel.told = wait.then_some(told);
        parcels.send(parcel).context("the courier has ended")?;
        if wait {
            // Nothing ever comes: it ends.
            all.recv().ok();
        }
        Ok(())
    }
}

/// What was handed over is delivered.
impl Drop for Courier {
    fn drop(&mut self) {
        if let Some((parcels, thread)) = self.thread.take() {
            drop(parcels);
            if thread.join().is_err() {
                tracing::error!("the courier panicked");
            }
        }
    }
}

fn work(parcels: &Receiver<Parcel>, reports: &Reports) {
    let mut joined = Joined::default();
    while let Ok(parcel) = parcels.recv() {
        reports.write(parcel.deliver(&mut joined));
    }
}

impl Parcel {
    /// See the fields; nobody waits for it yet.
    pub fn new(
        outs: Vec<(u64, Out)>,
        order: Vec<usize>,
        stops: Vec<Stop>,
        leaving: HashMap<u64, Outbox>,
    ) -> Self {
        Self {
            outs,
            order,
            stops,
            leaving,
            told: None,
        }
    }

    /// Sends what is said, to each connection all of it at once. Nobody waits.
    fn deliver(self, joined: &mut Joined) -> Report {
        let mut report = Report::default();
        for (count, stop) in self.stops.into_iter().enumerate() {
            if count % TURN == TURN - 1 {
                // The hub may wait for this core, and has little to do before it waits for the disk again.
                std::thread::yield_now();
            }
            let own = self.order.get(stop.outs).into_iter().flatten();
            let outs = own.filter_map(|place| self.outs.get(*place).map(|(_, out)| out));
            match stop.mailbox.put(outs.clone(), joined) {
                Ok(Put::Sent) if outs.clone().any(|out| matches!(out, Out::More)) => {
                    report.drained.push(stop.id);
                }
                Ok(_) => {}
                Err(_) => report.slow.push(stop.id),
            }
        }
        joined.forget();
        // Nothing comes after their last words, for which there may have been no room.
        for (id, outbox) in self.leaving {
            if outbox.is_behind() {
                tracing::info!(id, "a slow consumer is cut off");
                report.cut += 1;
                outbox.cut(4008, "slow consumer");
            }
        }
        drop(self.told);
        report
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;
    use crate::{outbox::outbox, wire::Encoded};

    fn text(text: &str) -> Out {
        Out::Text(Encoded::text(text))
    }

    #[test]
    fn parcels_come_in_their_order_and_the_last_one_before_the_end() {
        let mut courier = Courier::default();
        courier.start().unwrap();
        let (leaves, mut queue, _cut) = outbox(1000, None);
        for word in ["one", "two", "three"] {
            let stop = Stop {
                id: 7,
                outs: 0..2,
                mailbox: leaves.mailbox().clone(),
            };
            let outs = vec![(7, text(word)), (7, text("more"))];
            let parcel = Parcel::new(outs, vec![0, 1], vec![stop], HashMap::new());
            courier.deliver(parcel, word == "two").unwrap();
        }
        let parcel = Parcel::new(vec![], vec![], vec![], HashMap::from([(7, leaves)]));
        courier.deliver(parcel, false).unwrap();
        drop(courier);
        let mut taken = vec![];
        while queue.take(&mut taken).now_or_never().unwrap() {}
        let words = taken.iter().filter_map(Out::bytes);
        let words: Vec<_> = words.map(|frame| frame.slice(2..)).collect();
        assert_eq!(words, ["one", "more", "two", "more", "three", "more"]);
    }

    #[test]
    fn who_leaves_and_has_fallen_behind_is_cut_off() {
        let mut courier = Courier::default();
        let (leaves, _queue, mut cut) = outbox(10, None);
        let stop = Stop {
            id: 7,
            outs: 0..1,
            mailbox: leaves.mailbox().clone(),
        };
        let leaving = HashMap::from([(7, leaves)]);
        let parcel = Parcel::new(vec![(7, text("too much"))], vec![0], vec![stop], leaving);
        courier.deliver(parcel, false).unwrap();
        assert_eq!(cut.try_recv(), Ok((4008, "slow consumer")));
        assert_eq!(courier.reports().take().cut, 1);
    }

    #[tokio::test]
    async fn who_falls_behind_is_reported_once_and_told_nothing_more() {
        let mut courier = Courier::default();
        courier.start().unwrap();
        let (slow, mut queue, _cut) = outbox(200, None);
        let mut tell = |size: usize| {
            let stop = Stop {
                id: 7,
                outs: 0..1,
                mailbox: slow.mailbox().clone(),
            };
            let outs = vec![(7, text(&"x".repeat(size)))];
            let parcel = Parcel::new(outs, vec![0], vec![stop], HashMap::new());
            courier.deliver(parcel, false).unwrap();
            courier.reports().clone()
        };
        let reports = tell(100);
        tell(100);
        reports.written().await;
        assert_eq!(reports.take().slow, [7]);
        // It would fit, and comes after what did not.
        tell(1);
        drop(courier);
        assert!(reports.is_empty());
        let mut taken = vec![];
        assert_eq!(queue.take(&mut taken).now_or_never(), Some(true));
        assert_eq!(queue.take(&mut taken).now_or_never(), None);
        assert_eq!(taken.len(), 1);
    }
}
