//! Fan-out: a thread sends what is durable to the connections, while the hub is at the next batch.
//!
//! On a single core it is at work only while the hub waits for the disk. A crowd is told by the hub itself there, all of
//! it before the next is read: what a connection is told acknowledges what it said, which costs as much again when it
//! is read before.
//!
//! What it comes upon, such as a slow consumer, it reports, and the hub takes that in with its next batch.

mod batch;
mod reports;
mod scheduler;

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
};

use anyhow::{Context, ensure};

use self::scheduler::FanoutScheduler;
pub use self::{
    batch::{OutboundBatch, OutboundFrames, Recipient},
    reports::{Report, Reports},
};

/// So many connections get theirs before others may have the core.
const STEPS: usize = 8;
/// See [`kept`].
const KEPT: usize = 64 * 1024;

/// The most bytes that are kept back from anybody while others are told, besides the last batch: an eighth of what may
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
    scheduler: Option<FanoutScheduler>,
    /// What is added to it next.
    next: Option<OutboundBatch>,
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
        self.next.is_none()
            && self
                .scheduler
                .as_ref()
                .is_some_and(FanoutScheduler::is_done)
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
            let Some(mut scheduler) = state.scheduler.take() else {
                return;
            };
            let next = state.next.take();
            drop(state);
            if let Some(batch) = next {
                scheduler.add(batch);
            }
            for _ in 0..STEPS {
                scheduler.step();
            }
            scheduler.report();
            let mut state = self.lock();
            state.room = scheduler.has_room(kept);
            let ended = state.ended && state.next.is_none() && scheduler.is_done();
            state.scheduler = Some(scheduler);
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

/// Delivers batches.
pub struct Fanout {
    shared: Arc<Shared>,
    reports: Arc<Reports>,
    thread: Option<JoinHandle<()>>,
    /// Whether there is a core for the thread besides that of the hub.
    has_core: bool,
}

impl Default for Fanout {
    fn default() -> Self {
        let reports = Arc::<Reports>::default();
        let state = State {
            scheduler: Some(FanoutScheduler::new(reports.clone())),
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

impl Fanout {
    /// From now on, batches are delivered by a thread, to connections for which at most so many bytes may wait.
    pub fn start(&mut self, queue_bytes: usize) -> anyhow::Result<()> {
        self.has_core = std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1);
        let (shared, kept) = (self.shared.clone(), kept(queue_bytes));
        shared.lock().alone = false;
        let thread = std::thread::Builder::new().name("fanout".into());
        let thread = thread.spawn(move || shared.work(kept));
        self.thread = Some(thread.context("the fan-out thread can't be started")?);
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

    /// Hands a batch over once there is room for it. Without a thread, or to a crowd on a single core, it is delivered
    /// at once.
    pub fn deliver(&mut self, mut batch: OutboundBatch, crowd: bool) -> anyhow::Result<()> {
        if self.thread.is_none() || (crowd && !self.has_core) {
            // All of a crowd speak.
            batch.speakers.clear();
            return self.tell(Some(batch));
        }
        let full = |state: &State| !state.alone && (state.next.is_some() || !state.room);
        let mut state = self.shared.wait_while(self.shared.lock(), full);
        ensure!(!state.alone, "the fan-out thread has ended");
        (state.next, state.room) = (Some(batch), false);
        drop(state);
        self.shared.changed.notify_one();
        Ok(())
    }

    /// Tells all who are left.
    pub fn finish(&mut self) -> anyhow::Result<()> {
        self.tell(None)
    }

    /// Tells all, here.
    fn tell(&mut self, batch: Option<OutboundBatch>) -> anyhow::Result<()> {
        let mut state = self.shared.lock();
        state.by_hub = true;
        state = self
            .shared
            .wait_while(state, |state| state.scheduler.is_none() && !state.alone);
        let mut scheduler = state
            .scheduler
            .take()
            .context("the fan-out thread has ended")?;
        let next = state.next.take();
        drop(state);
        for batch in next.into_iter().chain(batch) {
            scheduler.add(batch);
        }
        while !scheduler.is_done() {
            scheduler.step();
        }
        scheduler.report();
        let mut state = self.shared.lock();
        (state.by_hub, state.room) = (false, true);
        state.scheduler = Some(scheduler);
        Ok(())
    }
}

/// What was handed over is delivered.
impl Drop for Fanout {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.shared.lock().ended = true;
            self.shared.changed.notify_one();
            if thread.join().is_err() {
                tracing::error!("the fan-out thread panicked");
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
        outbox::{OutboundFrame, Outbox, Queue, outbox},
        wire::Encoded,
    };

    /// The texts for the connection 7.
    fn batch(outbox: &Outbox, texts: &[&str]) -> OutboundBatch {
        let texts = texts
            .iter()
            .map(|text| OutboundFrame::Text(Encoded::text(text)));
        let recipient = Recipient {
            id: 7,
            frames: 0..texts.len(),
            mailbox: outbox.mailbox().clone(),
        };
        let mut frames = OutboundFrames::default();
        texts.for_each(|text| frames.push(7, text));
        OutboundBatch {
            frames,
            recipients: vec![recipient],
            ..OutboundBatch::default()
        }
    }

    /// A text for the connections 7 and 8.
    fn both(one: &Outbox, other: &Outbox, text: &str) -> OutboundBatch {
        let mut both = batch(one, &[text]);
        both.frames
            .push(8, OutboundFrame::Text(Encoded::text(text)));
        both.recipients.push(Recipient {
            id: 8,
            frames: 1..2,
            mailbox: other.mailbox().clone(),
        });
        both
    }

    fn received(queue: &mut Queue) -> Vec<String> {
        let mut taken = vec![];
        while queue.take(&mut taken).now_or_never() == Some(true) {}
        let frames = taken.iter().filter_map(OutboundFrame::bytes);
        frames
            .map(|frame| String::from_utf8_lossy(&frame[2..]).into())
            .collect()
    }

    #[test]
    fn batches_are_delivered_in_order_and_the_last_one_before_the_end() {
        let mut fanout = Fanout::default();
        fanout.start(1000).unwrap();
        let (leaves, mut queue, _cut) = outbox(1000, None);
        for word in ["one", "two", "three"] {
            let batch = batch(&leaves, &[word, "more"]);
            fanout.deliver(batch, word == "two").unwrap();
        }
        let batch = OutboundBatch {
            leaving: HashMap::from([(7, leaves)]),
            ..OutboundBatch::default()
        };
        fanout.deliver(batch, false).unwrap();
        drop(fanout);
        let all = ["one", "more", "two", "more", "three", "more"];
        assert_eq!(received(&mut queue), all);
    }

    #[test]
    fn leaving_connection_that_has_fallen_behind_is_cut_off() {
        let mut fanout = Fanout::default();
        let (leaves, _queue, mut cut) = outbox(10, None);
        let mut batch = batch(&leaves, &["too much"]);
        batch.leaving.insert(7, leaves);
        fanout.deliver(batch, false).unwrap();
        assert_eq!(cut.try_recv(), Ok((4008, "slow consumer")));
        assert_eq!(fanout.reports().take().cut, 1);
    }

    #[tokio::test]
    async fn slow_consumer_is_reported_once_and_gets_nothing_more() {
        let mut fanout = Fanout::default();
        fanout.start(200).unwrap();
        let (slow, mut queue, _cut) = outbox(200, None);
        let mut tell = |size: usize| {
            let batch = batch(&slow, &[&"x".repeat(size)]);
            fanout.deliver(batch, false).unwrap();
            fanout.finish().unwrap();
            fanout.reports().clone()
        };
        let reports = tell(100);
        tell(100);
        reports.written().await;
        assert_eq!(reports.take().slow, [7]);
        // It would fit, and comes after what did not.
        tell(1);
        assert!(reports.is_empty());
        assert_eq!(received(&mut queue).len(), 1);
    }

    #[test]
    fn crowd_on_one_core_gets_each_batch_at_once_and_in_order() {
        let mut fanout = Fanout::default();
        fanout.start(1_000_000).unwrap();
        fanout.has_core = false;
        let (one, mut first, _cut) = outbox(1_000_000, None);
        let (other, mut second, _cut) = outbox(1_000_000, None);
        for pass in 0..100 {
            for (text, crowd) in [("a", false), ("b", true), ("c", true)] {
                fanout.deliver(both(&one, &other, text), crowd).unwrap();
                if crowd {
                    let expected = if text == "b" {
                        vec!["a", "b"]
                    } else {
                        vec!["c"]
                    };
                    assert_eq!(received(&mut first), expected, "in pass {pass}");
                    assert_eq!(received(&mut second), expected, "in pass {pass}");
                    assert!(fanout.is_done());
                }
            }
        }
    }
}
