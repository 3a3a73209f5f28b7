//! The order of fan-out: who gets what next, of batches that came while the one before was still being sent.
//!
//! Some of those who spoke are told at once, as they may wait for that to go on. Then come those who were told nothing
//! for longest, and each hears all that is there for it in one write: the longer a crowd takes, the fewer writes each
//! message costs. What any one hears is in the order of the batches.

use std::{cmp::Reverse, collections::VecDeque, mem, sync::Arc};

use super::{
    batch::{OutboundBatch, Recipient},
    reports::{Report, Reports},
};
use crate::outbox::{Joined, OutboundFrame, Put};

/// So many others are told for each batch before the next is taken, or as many as spoke, if these are more: nobody is
/// put off for ever.
const OTHERS: usize = 16;
/// No batch is taken while there are so many frames…
const FRAMES: usize = 16 * 1024;
/// …or batches.
const BATCHES: usize = 64;

/// A batch that not all were told.
struct Pending {
    batch: OutboundBatch,
    /// Of each recipient.
    told: Vec<bool>,
    /// The recipients that may be left, the next one last: who is told the same comes together, as what they are told
    /// is joined once. Made when nobody of an older batch is left.
    left: Option<Vec<usize>>,
    /// See [`OutboundBatch::most`].
    most: usize,
}

impl Pending {
    /// The recipient of this connection, which counts as told from now on. It is likely to be at `guess`.
    fn take(&mut self, id: u64, guess: usize) -> Option<usize> {
        let recipients = &self.batch.recipients;
        let at = match recipients.get(guess) {
            Some(recipient) if recipient.id == id => guess,
            _ => recipients
                .binary_search_by_key(&id, |recipient| recipient.id)
                .ok()?,
        };
        let told = self.told.get_mut(at)?;
        if mem::replace(told, true) {
            return None;
        }
        Some(at)
    }

    /// Somebody who was not told.
    fn untold(&mut self) -> Option<u64> {
        let Self { batch, .. } = self;
        let recipients = &batch.recipients;
        let left = self.left.get_or_insert_with(|| {
            let mut left: Vec<_> = (0..recipients.len()).collect();
            let first = |recipient: usize| {
                recipients
                    .get(recipient)
                    .and_then(|recipient| batch.first(recipient))
            };
            left.sort_unstable_by_key(|recipient| Reverse((first(*recipient), *recipient)));
            left
        });
        while let Some(next) = left.pop() {
            if self.told.get(next) == Some(&false) {
                return self
                    .batch
                    .recipients
                    .get(next)
                    .map(|recipient| recipient.id);
            }
        }
        None
    }
}

/// All that was handed over and not told to all.
#[derive(Default)]
pub struct FanoutScheduler {
    /// The oldest first.
    pending: VecDeque<Pending>,
    /// They are told before all others.
    speakers: VecDeque<u64>,
    /// How many others were told since the last batch came…
    others: usize,
    /// …and how many are to be, before the next one.
    share: usize,
    /// The recipients of one connection: which batch, and where in it.
    own: Vec<(usize, usize)>,
    joined: Joined,
    report: Report,
    reports: Arc<Reports>,
}

impl FanoutScheduler {
    /// What it comes upon goes there.
    pub fn new(reports: Arc<Reports>) -> Self {
        Self {
            reports,
            ..Self::default()
        }
    }

    /// Whether all are told.
    pub fn is_done(&self) -> bool {
        self.pending.is_empty()
    }

    /// Whether another batch may be taken: what all those before it keep back from anybody is less than so many
    /// bytes.
    pub fn has_room(&self, bytes: usize) -> bool {
        let frames = self.pending.iter().map(|p| p.batch.deliveries());
        let most = self.pending.iter().map(|pending| pending.most);
        self.is_done()
            || (self.speakers.is_empty()
                && self.others >= self.share
                && self.pending.len() < BATCHES
                && frames.sum::<usize>() < FRAMES
                && most.sum::<usize>() < bytes)
    }

    /// Takes a batch.
    pub fn add(&mut self, batch: OutboundBatch) {
        self.speakers.extend(&batch.speakers);
        (self.others, self.share) = (0, OTHERS.max(batch.speakers.len()));
        self.pending.push_back(Pending {
            told: vec![false; batch.recipients.len()],
            left: None,
            most: batch.most(),
            batch,
        });
    }

    /// Tells one connection all that is there for it, or lets go of a batch. Nobody waits.
    pub fn step(&mut self) {
        if let Some(id) = self.speakers.pop_front() {
            self.tell(id);
        } else if let Some(id) = self.pending.front_mut().and_then(Pending::untold) {
            self.others += 1;
            self.tell(id);
        } else {
            self.finish();
        }
    }

    /// Reports what was come upon so far.
    pub fn report(&mut self) {
        self.reports.write(mem::take(&mut self.report));
    }

    fn tell(&mut self, id: u64) {
        self.own.clear();
        let mut guess = 0;
        for (batch, pending) in self.pending.iter_mut().enumerate() {
            if let Some(recipient) = pending.take(id, guess) {
                self.own.push((batch, recipient));
                guess = recipient;
            }
        }
        let recipients = self.own.iter().filter_map(|(batch, recipient)| {
            let batch = &self.pending.get(*batch)?.batch;
            Some((batch, batch.recipients.get(*recipient)?))
        });
        let Some((_, Recipient { mailbox, .. })) = recipients.clone().next() else {
            // It was told with those before, or has gone.
            return;
        };
        let frames = recipients.flat_map(|(batch, recipient)| batch.frames_for(recipient));
        match mailbox.put(frames.clone(), &mut self.joined) {
            Ok(Put::Sent) if frames.clone().any(|out| matches!(out, OutboundFrame::More)) => {
                self.report.drained.push(id);
            }
            Ok(_) => {}
            Err(_) => self.report.slow.push(id),
        }
    }

    /// Lets go of the oldest batch, which all are told.
    fn finish(&mut self) {
        self.joined.forget();
        let Some(Pending { batch, .. }) = self.pending.pop_front() else {
            return;
        };
        // Nothing comes after their last words, for which there may have been no room.
        for (id, outbox) in batch.leaving {
            if outbox.is_behind() {
                tracing::info!(id, "a slow consumer is cut off");
                self.report.cut += 1;
                outbox.cut(4008, "slow consumer");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::{super::OutboundFrames, *};
    use crate::{
        outbox::{Outbox, Queue, outbox},
        wire::Encoded,
    };

    /// Connections, whose ids are their indices.
    fn connections<const N: usize>() -> [(Outbox, Queue); N] {
        std::array::from_fn(|_| {
            let (outbox, queue, _cut) = outbox(1_000_000, None);
            (outbox, queue)
        })
    }

    /// A word that one sends, for all.
    fn batch(by: u64, word: &str, connections: &[(Outbox, Queue)]) -> OutboundBatch {
        let mut frames = OutboundFrames::default();
        let word = OutboundFrame::Text(Encoded::text(word));
        frames.push_all(0..connections.len() as u64, word);
        let recipients = connections
            .iter()
            .zip(0..)
            .map(|((outbox, _), at)| Recipient {
                id: at as u64,
                frames: at..at + 1,
                mailbox: outbox.mailbox().clone(),
            });
        OutboundBatch {
            frames,
            recipients: recipients.collect(),
            speakers: vec![by],
            ..OutboundBatch::default()
        }
    }

    /// What each one gets in the next steps.
    fn received(
        scheduler: &mut FanoutScheduler,
        steps: usize,
        connections: &mut [(Outbox, Queue)],
    ) -> Vec<(usize, String)> {
        let mut all = vec![];
        for _ in 0..steps {
            scheduler.step();
            for (at, (_, queue)) in connections.iter_mut().enumerate() {
                let mut taken = vec![];
                if queue.take(&mut taken).now_or_never() == Some(true) {
                    let words = taken.iter().filter_map(OutboundFrame::bytes);
                    let words =
                        words.map(|frame| String::from_utf8_lossy(&frame[2..]).into_owned());
                    all.push((at, words.collect::<Vec<_>>().join(" ")));
                }
            }
        }
        all
    }

    fn pairs(expected: &[(usize, &str)]) -> Vec<(usize, String)> {
        let pairs = expected.iter();
        pairs
            .map(|(at, words)| (*at, (*words).to_owned()))
            .collect()
    }

    #[test]
    fn speakers_come_first_and_others_get_all_that_came_meanwhile() {
        let mut all = connections::<4>();
        let mut scheduler = FanoutScheduler::default();
        scheduler.add(batch(2, "one", &all));
        let first = received(&mut scheduler, 2, &mut all);
        assert_eq!(first, pairs(&[(2, "one"), (0, "one")]));
        scheduler.add(batch(3, "two", &all));
        scheduler.add(batch(2, "three", &all));
        let then = received(&mut scheduler, 4, &mut all);
        let untold = [(3, "one two three"), (2, "two three"), (1, "one two three")];
        assert_eq!(then, pairs(&untold));
        assert_eq!(
            received(&mut scheduler, 10, &mut all),
            pairs(&[(0, "two three")])
        );
        assert!(scheduler.is_done());
    }

    #[test]
    fn recipients_of_the_same_frames_follow_each_other() {
        let mut all = connections::<4>();
        let mut batch = batch(9, "all", &all);
        // The two of a room, then those of another.
        batch.frames = OutboundFrames::default();
        for room in [[0, 2], [1, 3]] {
            let word = OutboundFrame::Text(Encoded::text("all"));
            batch.frames.push_all(room, word);
        }
        let ids: Vec<_> = batch.frames.by_connection().collect();
        assert_eq!(ids, [(0, 0..1), (1, 1..2), (2, 2..3), (3, 3..4)]);
        let mut scheduler = FanoutScheduler::default();
        scheduler.add(batch);
        let told = received(&mut scheduler, 6, &mut all);
        let order: Vec<_> = told.into_iter().map(|(at, _)| at).collect();
        assert_eq!(order, [0, 2, 1, 3]);
    }

    #[test]
    fn others_are_served_while_the_same_ones_speak() {
        let mut all = connections::<40>();
        let mut scheduler = FanoutScheduler::default();
        let mut steps = 0;
        for _ in 0..3 {
            assert!(scheduler.has_room(1_000));
            scheduler.add(batch(39, "word", &all));
            while !scheduler.has_room(1_000) {
                scheduler.step();
                steps += 1;
            }
        }
        // The one who spoke, and sixteen others; when all were told of the first batch, it is let go of.
        assert_eq!(steps, 3 * (OTHERS + 1) + 1);
        let told = all.iter_mut().filter_map(|(_, queue)| {
            let mut taken = vec![];
            queue.take(&mut taken).now_or_never()
        });
        assert_eq!(told.count(), 40);
    }

    #[test]
    fn no_batch_is_taken_beyond_what_may_be_kept_back_from_a_connection() {
        let all = connections::<40>();
        let mut scheduler = FanoutScheduler::default();
        let told = |scheduler: &mut FanoutScheduler| {
            for _ in 0..=OTHERS {
                scheduler.step();
            }
        };
        let weight = OutboundFrame::Text(Encoded::text("four")).weight();
        scheduler.add(batch(0, "four", &all));
        assert!(!scheduler.has_room(2 * weight), "others were not told yet");
        told(&mut scheduler);
        assert!(scheduler.has_room(2 * weight));
        scheduler.add(batch(0, "four", &all));
        told(&mut scheduler);
        assert!(!scheduler.has_room(2 * weight));
        while !scheduler.is_done() {
            assert!(!scheduler.has_room(weight));
            scheduler.step();
        }
        assert!(scheduler.has_room(weight));
        // Empty batches are bounded as well, and those with too many frames.
        for _ in 0..BATCHES {
            assert!(scheduler.has_room(1000));
            scheduler.add(OutboundBatch::default());
            scheduler.others = OTHERS;
        }
        assert!(!scheduler.has_room(1000));
        scheduler.step();
        assert!(scheduler.has_room(1000));
        let mut many = OutboundFrames::default();
        many.push_all((0..FRAMES as u64).map(|_| 0), OutboundFrame::More);
        scheduler.add(OutboundBatch {
            frames: many,
            ..OutboundBatch::default()
        });
        scheduler.others = OTHERS;
        assert!(!scheduler.has_room(1000));
    }
}
