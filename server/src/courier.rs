//! The courier: a thread that carries what is durable to the connections, while the hub is at the next batch.
//!
//! On a single core it is at work only while the hub waits for the disk. When a crowd talks there, the hub tells half
//! of it after each batch, and the others with the next one, or as soon as it has nothing else to do. That takes half
//! as many writes for each batch: batches follow each other faster, and nobody hears later for it. When the next batch
//! takes long, the thread tells the others.
//!
//! What the courier comes upon, the hub hears at its next batch.

mod parcel;
mod reports;
mod round;

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use anyhow::{Context, ensure};

use self::round::Round;
pub use self::{
    parcel::{Parcel, Stop},
    reports::{Report, Reports},
};

/// So many connections are told before others may have the core.
const TURN: usize = 8;
/// See [`kept`].
const KEPT: usize = 64 * 1024;
/// Those of a crowd who are left wait no longer than once or twice this for the next batch.
const LEFT: Duration = Duration::from_millis(25);

/// The most bytes that are kept back from anybody while others are told, besides the last parcel: an eighth of what may
/// wait for one connection, at most.
pub fn kept(queue_bytes: usize) -> usize {
    KEPT.min(queue_bytes / 8)
}

/// What the hub and the thread share. Nobody holds it for longer than a moment, but the hub when it tells a crowd.
struct Shared {
    state: Mutex<State>,
    /// There is something to do for the thread, or the hub can go on.
    changed: Condvar,
    /// See [`LEFT`].
    patience: Duration,
}

struct State {
    /// Not here while the thread tells some of it.
    round: Option<Round>,
    /// What is added to it next.
    next: Option<Parcel>,
    /// Whether there will be room for another one.
    room: bool,
    /// Whether the hub tells them itself…
    by_hub: bool,
    /// …and was at it since the thread last looked.
    told: bool,
    /// Whether the thread looks after those who are left.
    looks: bool,
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

    /// Waits until the thread has something to do.
    fn rest<'s>(&self, mut state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
        while state.rests() {
            if state.is_done() {
                state = self.wait_while(state, |state| state.rests() && state.is_done());
                continue;
            }
            (state.told, state.looks) = (false, true);
            let waited = self
                .changed
                .wait_timeout_while(state, self.patience, |state| state.rests());
            let (waited, time) = waited.unwrap_or_else(PoisonError::into_inner);
            state = waited;
            state.looks = false;
            if time.timed_out() && !state.told {
                // The hub is at something that takes long.
                state.by_hub = false;
            }
        }
        state
    }

    /// Tells whoever is to be told, until nothing comes any more.
    fn work(&self, kept: usize) {
        let _gone = Gone(self);
        loop {
            let mut state = self.rest(self.lock());
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
    /// See [`kept`].
    kept: usize,
    /// Whether there is a core for the courier besides that of the hub.
    has_core: bool,
    /// Whether some of a crowd may be left.
    left: bool,
}

impl Default for Courier {
    fn default() -> Self {
        Self::patient(LEFT)
    }
}

impl Courier {
    fn patient(patience: Duration) -> Self {
        let reports = Arc::<Reports>::default();
        let state = State {
            round: Some(Round::new(reports.clone())),
            next: None,
            room: true,
            by_hub: false,
            told: false,
            looks: false,
            ended: false,
            alone: true,
        };
        Self {
            shared: Arc::new(Shared {
                state: Mutex::new(state),
                changed: Condvar::new(),
                patience,
            }),
            reports,
            thread: None,
            kept: 0,
            has_core: false,
            left: false,
        }
    }

    /// From now on, parcels are delivered by a thread, to connections for which at most so many bytes may wait.
    pub fn start(&mut self, queue_bytes: usize) -> anyhow::Result<()> {
        self.has_core = std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1);
        self.kept = kept(queue_bytes);
        let (shared, kept) = (self.shared.clone(), self.kept);
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

    /// Hands a parcel over once there is room for it; without a thread it is delivered at once. Of a crowd on a
    /// single core, some are told, see [`Courier::go_on`].
    pub fn deliver(&mut self, mut parcel: Parcel, crowd: bool) -> anyhow::Result<()> {
        if self.thread.is_none() || (crowd && !self.has_core) {
            // All of a crowd speak.
            parcel.speakers.clear();
            let kept = self.kept;
            return self.tell(Some(parcel), |round| round.may_rest(kept));
        }
        self.left = false;
        let mut state = self.shared.lock();
        if std::mem::take(&mut state.by_hub) {
            // Whoever is left is told by the thread from now on.
            self.shared.changed.notify_one();
        }
        let full = |state: &State| !state.alone && (state.next.is_some() || !state.room);
        state = self.shared.wait_while(state, full);
        ensure!(!state.alone, "the courier has ended");
        (state.next, state.room) = (Some(parcel), false);
        drop(state);
        self.shared.changed.notify_one();
        Ok(())
    }

    /// The hub has nothing else to do: it tells those of a crowd who are left, as long as nobody is `wanted`.
    pub fn go_on(&mut self, wanted: impl Fn() -> bool) -> anyhow::Result<()> {
        match self.left {
            true => self.tell(None, |_| wanted()),
            false => Ok(()),
        }
    }

    /// Tells all who are left.
    pub fn finish(&mut self) -> anyhow::Result<()> {
        self.tell(None, |_| false)
    }

    /// Tells them here, all or until that is `enough`.
    fn tell(
        &mut self,
        parcel: Option<Parcel>,
        enough: impl Fn(&Round) -> bool,
    ) -> anyhow::Result<()> {
        let mut state = self.shared.lock();
        state.by_hub = true;
        state = self
            .shared
            .wait_while(state, |state| state.round.is_none() && !state.alone);
        let mut round = state.round.take().context("the courier has ended")?;
        for parcel in state.next.take().into_iter().chain(parcel) {
            round.add(parcel);
        }
        while !round.is_done() && !enough(&round) {
            round.step();
        }
        round.report();
        self.left = !round.is_done();
        (state.room, state.told) = (true, true);
        state.round = Some(round);
        if self.left && !state.looks {
            self.shared.changed.notify_one();
        }
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
        Parcel {
            order: (0..texts.len()).collect(),
            outs: texts.map(|text| (7, text)).collect(),
            stops: vec![stop],
            ..Parcel::default()
        }
    }

    /// A text for the connections 7 and 8.
    fn both(one: &Outbox, other: &Outbox, text: &str) -> Parcel {
        let (mut both, of_other) = (parcel(one, &[text]), parcel(other, &[text]));
        let text = of_other.outs.into_iter().map(|(_, text)| (8, text));
        both.outs.extend(text);
        both.order.push(1);
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
    fn half_of_a_crowd_on_one_core_is_told_with_each_batch_and_nobody_is_forgotten() {
        let mut courier = Courier::patient(Duration::from_secs(3600));
        courier.start(1_000_000).unwrap();
        courier.has_core = false;
        let (one, mut first, _cut) = outbox(1_000_000, None);
        let (other, mut second, _cut) = outbox(1_000_000, None);
        courier.deliver(both(&one, &other, "a"), true).unwrap();
        assert_eq!((words(&mut first).len(), words(&mut second).len()), (1, 0));
        courier.deliver(both(&one, &other, "b"), true).unwrap();
        assert_eq!(words(&mut first).len(), 0);
        assert_eq!(words(&mut second), ["a", "b"]);
        courier.go_on(|| true).unwrap();
        assert_eq!(words(&mut first).len(), 0);
        // Nothing comes any more.
        courier.go_on(|| false).unwrap();
        assert_eq!(words(&mut first), ["b"]);
        // The crowd has gone.
        courier.deliver(both(&one, &other, "c"), true).unwrap();
        courier.deliver(both(&one, &other, "d"), false).unwrap();
        drop(courier);
        assert_eq!(words(&mut first), ["c", "d"]);
        assert_eq!(words(&mut second), ["c", "d"]);
    }

    #[tokio::test]
    async fn who_is_left_of_a_crowd_does_not_wait_for_a_batch_that_takes_long() {
        let mut courier = Courier::default();
        courier.start(1_000_000).unwrap();
        courier.has_core = false;
        let (one, mut first, _cut) = outbox(1_000_000, None);
        let (other, mut second, _cut) = outbox(1_000_000, None);
        for text in ["a", "b", "c"] {
            courier.deliver(both(&one, &other, text), true).unwrap();
            for queue in [&mut first, &mut second] {
                let mut taken = vec![];
                let told = tokio::time::timeout(Duration::from_secs(10), queue.take(&mut taken));
                assert!(told.await.unwrap());
                assert_eq!(taken.len(), 1);
            }
        }
    }
}
