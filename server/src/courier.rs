//! The courier: a thread that carries what is durable to the connections, while the hub is at the next batch.
//!
//! On a single core it is at work only while the hub waits for the disk. When a crowd talks there, the hub tells half
//! of it after each batch, and the others with the next one, or as soon as it has nothing else to do. That takes half
//! as many writes for each batch: batches follow each other faster, and nobody hears later for it.
//!
//! What the courier comes upon, the hub hears at its next batch.

mod parcel;
mod reports;
mod round;

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::Instant,
};

use anyhow::Context;

use self::round::Round;
pub use self::{
    parcel::{Parcel, Stop},
    reports::{Report, Reports},
};

/// So many connections are told before others may have the core.
const TURN: usize = 8;
/// See [`kept`].
const KEPT: usize = 64 * 1024;

/// The most bytes that are kept back from anybody while others are told, besides the last parcel: an eighth of what may
/// wait for one connection, at most.
pub fn kept(queue_bytes: usize) -> usize {
    KEPT.min(queue_bytes / 8)
}

/// What the hub and the thread share.
struct Shared {
    state: Mutex<State>,
    /// There is something to do for the thread, or room for another parcel.
    changed: Condvar,
}

struct State {
    round: Round,
    /// Whether the hub tells them itself.
    by_hub: bool,
    /// Whether nothing comes any more.
    ended: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_while<'s>(
        &self,
        state: MutexGuard<'s, State>,
        condition: impl Fn(&State) -> bool,
    ) -> MutexGuard<'s, State> {
        self.changed
            .wait_while(state, |state| condition(state))
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells whoever is to be told, until nothing comes any more.
    fn work(&self, kept: usize) {
        loop {
            let mut state = self.wait_while(self.lock(), |state| {
                (state.by_hub || state.round.is_done()) && !state.ended
            });
            if state.round.is_done() {
                return;
            }
            for _ in 0..TURN {
                state.round.step();
            }
            state.round.report();
            let room = state.round.has_room(kept);
            drop(state);
            if room {
                self.changed.notify_one();
            }
            // The hub may wait for this core, and has little to do before it waits for the disk again.
            std::thread::yield_now();
        }
    }
}

/// Delivers parcels.
pub struct Courier {
    shared: Arc<Shared>,
    reports: Arc<Reports>,
    thread: Option<JoinHandle<()>>,
    /// See [`kept`].
    kept: usize,
    /// Whether there is a core for the courier besides that of the hub.
    has_core: bool,
}

impl Default for Courier {
    fn default() -> Self {
        let reports = Arc::<Reports>::default();
        let state = State {
            round: Round::new(reports.clone()),
            by_hub: true,
            ended: false,
        };
        Self {
            shared: Arc::new(Shared {
                state: Mutex::new(state),
                changed: Condvar::new(),
            }),
            reports,
            thread: None,
            kept: 0,
            has_core: false,
        }
    }
}

impl Courier {
    /// From now on, parcels are delivered by a thread, to connections for which at most so many bytes may wait.
    pub fn start(&mut self, queue_bytes: usize) -> anyhow::Result<()> {
        self.has_core = std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1);
        self.kept = kept(queue_bytes);
        let (shared, kept) = (self.shared.clone(), self.kept);
        let thread = std::thread::Builder::new().name("courier".into());
        let thread = thread.spawn(move || shared.work(kept));
        self.thread = Some(thread.context("the courier can't be started")?);
        Ok(())
    }

    /// What it comes upon.
    pub fn reports(&self) -> &Arc<Reports> {
        &self.reports
    }

    /// Hands a parcel over once there is room for it; without a thread it is delivered at once. Of a crowd on a
    /// single core, some are told, see [`Courier::go_on`].
    pub fn deliver(&mut self, mut parcel: Parcel, crowd: bool) {
        let mut state = self.shared.lock();
        state.by_hub = self.thread.is_none() || (crowd && !self.has_core);
        if state.by_hub {
            // All of a crowd speak.
            parcel.speakers.clear();
            state.round.add(parcel);
            while !state.round.may_rest(self.kept) {
                state.round.step();
            }
            state.round.report();
            return;
        }
        // The thread may have waited for the hub.
        self.shared.changed.notify_one();
        let full = |state: &State| !state.round.has_room(self.kept);
        state = self.shared.wait_while(state, full);
        state.round.add(parcel);
        drop(state);
        self.shared.changed.notify_one();
    }

    /// The hub has nothing else to do before this time, or before something comes: it tells those of a crowd who are
    /// left.
    pub fn go_on(&mut self, until: Option<Instant>) {
        let mut state = self.shared.lock();
        if !state.by_hub {
            return;
        }
        while !state.round.is_done() && until.is_none_or(|until| Instant::now() < until) {
            state.round.step();
        }
        state.round.report();
    }

    /// Tells all who are left.
    pub fn finish(&mut self) {
        let mut state = self.shared.lock();
        while !state.round.is_done() {
            state.round.step();
        }
        state.round.report();
    }
}

/// What was handed over is delivered.
impl Drop for Courier {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.shared.lock().ended = true;
            self.shared.changed.notify_one();
            if thread.join().is_err() {
                tracing::error!("the courier panicked");
            }
        }
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
            courier.deliver(parcel, word == "two");
        }
        let parcel = Parcel {
            leaving: HashMap::from([(7, leaves)]),
            ..Parcel::default()
        };
        courier.deliver(parcel, false);
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
        courier.deliver(parcel, false);
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
            courier.deliver(parcel, false);
            courier.finish();
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

    #[test]
    fn half_of_a_crowd_on_one_core_is_told_with_each_batch_and_nobody_is_forgotten() {
        let mut courier = Courier::default();
        courier.start(1_000_000).unwrap();
        courier.has_core = false;
        let (one, mut first, _cut) = outbox(1_000_000, None);
        let (other, mut second, _cut) = outbox(1_000_000, None);
        let both = |text: &str| {
            let (mut both, of_other) = (parcel(&one, &[text]), parcel(&other, &[text]));
            let text = of_other.outs.into_iter().map(|(_, text)| (8, text));
            both.outs.extend(text);
            both.order.push(1);
            both.stops.push(Stop {
                id: 8,
                outs: 1..2,
                mailbox: other.mailbox().clone(),
            });
            both
        };
        courier.deliver(both("a"), true);
        assert_eq!((words(&mut first).len(), words(&mut second).len()), (1, 0));
        courier.deliver(both("b"), true);
        assert_eq!(words(&mut first).len(), 0);
        assert_eq!(words(&mut second), ["a", "b"]);
        // Nothing comes any more.
        courier.go_on(None);
        assert_eq!(words(&mut first), ["b"]);
        // The others have left.
        courier.deliver(both("c"), true);
        courier.deliver(both("d"), false);
        drop(courier);
        assert_eq!(words(&mut first), ["c", "d"]);
        assert_eq!(words(&mut second), ["c", "d"]);
    }
}
