//! The courier: a thread that carries what is durable to the connections, while the hub is at the next batch.
//!
//! What it comes upon, the hub hears at its next batch.

mod parcel;
mod reports;
mod round;

use std::{
    convert::Infallible,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::JoinHandle,
};

use anyhow::Context;

use self::round::Round;
pub use self::{
    parcel::{Parcel, Stop},
    reports::{Report, Reports},
};

/// So many connections are told before others may have the core.
const TURN: usize = 8;
/// The most bytes that are kept back from anybody while others are told…
const KEPT: usize = 64 * 1024;
/// …and this part of what may wait for one connection.
const PART: usize = 8;

/// A parcel, and what is dropped when all of it is delivered.
type Handed = (Parcel, Option<SyncSender<Infallible>>);

/// Delivers parcels.
#[derive(Default)]
pub struct Courier {
    reports: Arc<Reports>,
    thread: Option<(SyncSender<Handed>, JoinHandle<()>)>,
    /// Whether there is a core for the courier besides that of the hub.
    has_core: bool,
}

impl Courier {
    /// From now on, parcels are delivered by a thread, to connections for which at most so many bytes may wait.
    pub fn start(&mut self, queue_bytes: usize) -> anyhow::Result<()> {
        self.has_core = std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1);
        let (parcels, given) = sync_channel(0);
        let round = Round::new(self.reports.clone());
        let kept = KEPT.min(queue_bytes / PART);
        let thread = std::thread::Builder::new().name("courier".into());
        let thread = thread.spawn(move || work(&given, round, kept));
        self.thread = Some((parcels, thread.context("the courier can't be started")?));
        Ok(())
    }

    /// What it comes upon.
    pub fn reports(&self) -> &Arc<Reports> {
        &self.reports
    }

    /// Waits until all that was handed over is delivered.
    pub fn finish(&mut self) -> anyhow::Result<()> {
        self.hand_over(Parcel::default(), true)
    }

    /// Hands a parcel over once there is room for it; without a thread it is delivered at once.
    ///
    /// What a crowd is told is waited for on a single core: to read meanwhile what it says would only make it
    /// hear later.
    pub fn deliver(&mut self, parcel: Parcel, crowd: bool) -> anyhow::Result<()> {
        self.hand_over(parcel, crowd && !self.has_core)
    }

    fn hand_over(&mut self, parcel: Parcel, wait: bool) -> anyhow::Result<()> {
        let Some((parcels, _)) = &self.thread else {
            let mut round = Round::new(self.reports.clone());
            round.add(parcel, None);
            while !round.is_done() {
                round.step();
            }
            return Ok(());
        };
        let (told, all) = sync_channel(0);
        let told = wait.then_some(told);
        let ended = "the courier has ended";
        parcels.send((parcel, told)).context(ended)?;
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

fn work(parcels: &Receiver<Handed>, mut round: Round, kept: usize) {
    loop {
        if round.is_done() {
            let Ok((parcel, told)) = parcels.recv() else {
                return;
            };
            round.add(parcel, told);
        } else if round.has_room(kept)
            && let Ok((parcel, told)) = parcels.try_recv()
        {
            round.add(parcel, told);
        }
        for _ in 0..TURN {
            round.step();
        }
        round.report();
        // The hub may wait for this core, and has little to do before it waits for the disk again.
        std::thread::yield_now();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use futures::FutureExt;

    use super::*;
    use crate::{
        outbox::{Out, Outbox, Queue, outbox},
        wire::Encoded,
    };

    /// The texts for the connection 7.
    fn parcel(outbox: &Outbox, texts: &[&str]) -> Parcel {
        let texts = texts.iter().map(|text| Out::Text(Encoded::text(text)));
        let stop = Stop {
            id: 7,
            outs: 0..texts.len(),
            mailbox: outbox.mailbox().clone(),
        };
        Parcel {
            order: (0..texts.len()).collect(),
            outs: texts.map(|text| (7, text)).collect(),
            stops: vec![stop],
            ..Parcel::default()
        }
    }

    fn words(queue: &mut Queue) -> Vec<String> {
        let mut taken = vec![];
        while queue.take(&mut taken).now_or_never() == Some(true) {}
        let words = taken.iter().filter_map(Out::bytes);
        words
            .map(|frame| String::from_utf8_lossy(&frame[2..]).into())
            .collect()
    }

    #[test]
    fn parcels_come_in_their_order_and_the_last_one_before_the_end() {
        let mut courier = Courier::default();
        courier.start(1000).unwrap();
        let (leaves, mut queue, _cut) = outbox(1000, None);
        for word in ["one", "two", "three"] {
            let parcel = parcel(&leaves, &[word, "more"]);
            courier.deliver(parcel, word == "two").unwrap();
        }
        let parcel = Parcel {
            leaving: HashMap::from([(7, leaves)]),
            ..Parcel::default()
        };
        courier.deliver(parcel, false).unwrap();
        drop(courier);
        let all = ["one", "more", "two", "more", "three", "more"];
        assert_eq!(words(&mut queue), all);
    }

    #[test]
    fn who_leaves_and_has_fallen_behind_is_cut_off() {
        let mut courier = Courier::default();
        let (leaves, _queue, mut cut) = outbox(10, None);
        let mut parcel = parcel(&leaves, &["too much"]);
        parcel.leaving.insert(7, leaves);
        courier.deliver(parcel, false).unwrap();
        assert_eq!(cut.try_recv(), Ok((4008, "slow consumer")));
        assert_eq!(courier.reports().take().cut, 1);
    }

    #[tokio::test]
    async fn who_falls_behind_is_reported_once_and_told_nothing_more() {
        let mut courier = Courier::default();
        courier.start(200).unwrap();
        let (slow, mut queue, _cut) = outbox(200, None);
        let mut tell = |size: usize| {
            let parcel = parcel(&slow, &[&"x".repeat(size)]);
            courier.deliver(parcel, false).unwrap();
            courier.finish().unwrap();
            courier.reports().clone()
        };
        let reports = tell(100);
        tell(100);
        reports.written().await;
        assert_eq!(reports.take().slow, [7]);
        // It would fit, and comes after what did not.
        tell(1);
        assert!(reports.is_empty());
        assert_eq!(words(&mut queue).len(), 1);
    }
}
