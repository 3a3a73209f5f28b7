//! The courier: a thread that carries what is durable to the connections, while the hub is at the next batch.
//!
//! On a single core it is at work only while the hub waits for the disk. A crowd is told by the hub itself there, all of
//! it before the next is read: what a connection is told acknowledges what it said, which costs as much again when it
//! is read before.
//!
//! What the courier comes upon, the hub hears at its next batch.

mod parcel;
mod reports;
mod round;

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
};

use anyhow::{Context, ensure};

use self::round::Round;
pub use self::{
    parcel::{Outs, Parcel, Stop},
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

/// What the hub and the thread share. Nobody holds it for longer than a moment.
struct Shared {
    state: Mutex<State>,
    /// There is something to do for the thread, or the hub can go on.
    changed: Condvar,
}

struct State {
    /// Not here while some of it is told.
    round: Option<Round>,
    /// What is added to it next.
    next: Option<Parcel>,
    /// Whether there will be room for another one.
    room: bool,
    /// Whether the hub tells them itself.
    by_hub: bool,
    /// Whether nothing comes any more.
    ended: bool,
    /// Whether there is no thread, or no longer.
    alone: bool,
}

impl State {
    fn is_done(&self) -> bool {
        self.next.is_none() && self.round.as_ref().is_some_and(Round::is_done)
    }

    /// Whether the thread has to wait.
    fn rests(&self) -> bool {
        (self.by_hub || self.is_done()) && !self.ended
    }
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
        let _gone = Gone(self);
        loop {
            let mut state = self.wait_while(self.lock(), State::rests);
            let Some(mut round) = state.round.take() else {
                return;
            };
            let next = state.next.take();
            drop(state);
            if let Some(parcel) = next {
                round.add(parcel);
            }
            for _ in 0..TURN {
                round.step();
            }
            round.report();
            let mut state = self.lock();
            state.room = round.has_room(kept);
            let ended = state.ended && state.next.is_none() && round.is_done();
            state.round = Some(round);
            let waited_for = state.room || state.by_hub;
            drop(state);
            if waited_for {
                self.changed.notify_one();
            }
            if ended {
                return;
            }
            // The hub may wait for this core, and has little to do before it waits for the disk again.
            std::thread::yield_now();
        }
    }
}

/// The thread has ended: nobody waits for it.
struct Gone<'s>(&'s Shared);

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        self.0.lock().alone = true;
        self.0.changed.notify_one();
    }
}

/// Delivers parcels.
pub struct Courier {
    shared: Arc<Shared>,
    reports: Arc<Reports>,
    thread: Option<JoinHandle<()>>,
    /// Whether there is a core for the courier besides that of the hub.
    has_core: bool,
}

impl Default for Courier {
    fn default() -> Self {
        let reports = Arc::<Reports>::default();
        let state = State {
            round: Some(Round::new(reports.clone())),
            next: None,
            room: true,
            by_hub: false,
            ended: false,
            alone: true,
        };
        Self {
            shared: Arc::new(Shared {
                state: Mutex::new(state),
                changed: Condvar::new(),
            }),
            reports,
            thread: None,
            has_core: false,
        }
    }
}

impl Courier {
    /// From now on, parcels are delivered by a thread, to connections for which at most so many bytes may wait.
    pub fn start(&mut self, queue_bytes: usize) -> anyhow::Result<()> {
        self.has_core = std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1);
        let (shared, kept) = (self.shared.clone(), kept(queue_bytes));
        shared.lock().alone = false;
        let thread = std::thread::Builder::new().name("courier".into());
        let thread = thread.spawn(move || shared.work(kept));
        self.thread = Some(thread.context("the courier can't be started")?);
        Ok(())
    }

    /// What it comes upon.
    pub fn reports(&self) -> &Arc<Reports> {
        &self.reports
    }

    /// Whether all that was handed over is delivered.
    pub fn is_done(&self) -> bool {
        self.shared.lock().is_done()
    }

    /// Hands a parcel over once there is room for it. Without a thread, or to a crowd on a single core, it is delivered
    /// at once.
    pub fn deliver(&mut self, mut parcel: Parcel, crowd: bool) -> anyhow::Result<()> {
        if self.thread.is_none() || (crowd && !self.has_core) {
            // All of a crowd speak.
            parcel.speakers.clear();
            return self.tell(Some(parcel));
        }
        let full = |state: &State| !state.alone && (state.next.is_some() || !state.room);
        let mut state = self.shared.wait_while(self.shared.lock(), full);
        ensure!(!state.alone, "the courier has ended");
        (state.next, state.room) = (Some(parcel), false);
        drop(state);
        self.shared.changed.notify_one();
        Ok(())
    }

    /// Tells all who are left.
    pub fn finish(&mut self) -> anyhow::Result<()> {
        self.tell(None)
    }

    /// Tells all, here.
    fn tell(&mut self, parcel: Option<Parcel>) -> anyhow::Result<()> {
        let mut state = self.shared.lock();
        state.by_hub = true;
        state = self
            .shared
            .wait_while(state, |state| state.round.is_none() && !state.alone);
        let mut round = state.round.take().context("the courier has ended")?;
        let next = state.next.take();
        drop(state);
        for parcel in next.into_iter().chain(parcel) {
            round.add(parcel);
        }
        while !round.is_done() {
            round.step();
        }
        round.report();
        let mut state = self.shared.lock();
        (state.by_hub, state.room) = (false, true);
        state.round = Some(round);
        Ok(())
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
        let mut outs = Outs::default();
        texts.for_each(|text| outs.push(7, text));
        Parcel {
            outs,
            stops: vec![stop],
            ..Parcel::default()
        }
    }

    /// A text for the connections 7 and 8.
    fn both(one: &Outbox, other: &Outbox, text: &str) -> Parcel {
        let mut both = parcel(one, &[text]);
        both.outs.push(8, Out::Text(Encoded::text(text)));
        both.stops.push(Stop {
            id: 8,
            outs: 1..2,
            mailbox: other.mailbox().clone(),
        });
        both
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

    #[test]
    fn a_crowd_on_one_core_is_told_at_once_after_what_was_on_the_way() {
        let mut courier = Courier::default();
        courier.start(1_000_000).unwrap();
        courier.has_core = false;
        let (one, mut first, _cut) = outbox(1_000_000, None);
        let (other, mut second, _cut) = outbox(1_000_000, None);
        for round in 0..100 {
            for (text, crowd) in [("a", false), ("b", true), ("c", true)] {
                courier.deliver(both(&one, &other, text), crowd).unwrap();
                if crowd {
                    let expected = if text == "b" {
                        vec!["a", "b"]
                    } else {
                        vec!["c"]
                    };
                    assert_eq!(words(&mut first), expected, "in round {round}");
                    assert_eq!(words(&mut second), expected, "in round {round}");
                    assert!(courier.is_done());
                }
            }
        }
    }
}
