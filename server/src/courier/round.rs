//! The courier's round: whom to tell next, of parcels that came while others were still told the one before.
//!
//! Some of those who spoke are told at once, as they may wait for that to go on. Then come those who were told nothing
//! for longest, and each hears all that is there for it in one write: the longer a crowd takes, the fewer writes each
//! message costs. What any one hears is in the order of the parcels.

use std::{cmp::Reverse, collections::VecDeque, mem, sync::Arc};

use super::{Parcel, Report, Reports, Stop};
use crate::outbox::{Joined, Out, Put};

/// So many others are told for each parcel before the next is taken, or as many as spoke, if these are more: nobody is
/// put off for ever.
const OTHERS: usize = 16;
/// No parcel is taken while there are so many frames…
const FRAMES: usize = 16 * 1024;
/// …or parcels.
const PARCELS: usize = 64;

/// A parcel that not all were told.
struct Pending {
    parcel: Parcel,
    /// Of each stop.
    told: Vec<bool>,
    /// The stops that may be left, the next one last: who is told the same comes together, as what they are told
    /// is joined once. Made when nobody of an older parcel is left.
    left: Option<Vec<usize>>,
    /// See [`Parcel::most`].
    most: usize,
}

impl Pending {
    /// The stop of this connection, which counts as told from now on. It is likely to be at `guess`.
    fn take(&mut self, id: u64, guess: usize) -> Option<usize> {
        let stops = &self.parcel.stops;
        let at = match stops.get(guess) {
            Some(stop) if stop.id == id => guess,
            _ => stops.binary_search_by_key(&id, |stop| stop.id).ok()?,
        };
        let told = self.told.get_mut(at)?;
        if mem::replace(told, true) {
            return None;
        }
        Some(at)
    }

    /// Somebody who was not told.
    fn untold(&mut self) -> Option<u64> {
        let Self { parcel, .. } = self;
        let stops = &parcel.stops;
        let left = self.left.get_or_insert_with(|| {
            let mut left: Vec<_> = (0..stops.len()).collect();
            let first = |stop: usize| stops.get(stop).and_then(|stop| parcel.first(stop));
            left.sort_unstable_by_key(|stop| Reverse((first(*stop), *stop)));
            left
        });
        while let Some(next) = left.pop() {
            if self.told.get(next) == Some(&false) {
                return self.parcel.stops.get(next).map(|stop| stop.id);
            }
        }
        None
    }
}

/// All that was handed over and not told to all.
#[derive(Default)]
pub struct Round {
    /// The oldest first.
    pending: VecDeque<Pending>,
    /// They are told before all others.
    speakers: VecDeque<u64>,
    /// How many others were told since the last parcel came…
    others: usize,
    /// …and how many are to be, before the next one.
    share: usize,
    /// The stops of one connection: which parcel, and where in it.
    own: Vec<(usize, usize)>,
    joined: Joined,
    report: Report,
    reports: Arc<Reports>,
}

impl Round {
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

    /// Whether another parcel may be taken: what all those before it keep back from anybody is less than so many
    /// bytes.
    pub fn has_room(&self, bytes: usize) -> bool {
        let frames = self.pending.iter().map(|p| p.parcel.told());
        let most = self.pending.iter().map(|pending| pending.most);
        self.is_done()
            || (self.speakers.is_empty()
                && self.others >= self.share
                && self.pending.len() < PARCELS
                && frames.sum::<usize>() < FRAMES
                && most.sum::<usize>() < bytes)
    }

    /// Takes a parcel.
    pub fn add(&mut self, parcel: Parcel) {
        self.speakers.extend(&parcel.speakers);
        (self.others, self.share) = (0, OTHERS.max(parcel.speakers.len()));
        self.pending.push_back(Pending {
            told: vec![false; parcel.stops.len()],
            left: None,
            most: parcel.most(),
            parcel,
        });
    }

    /// Tells one connection all that is there for it, or lets go of a parcel. Nobody waits.
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
        for (parcel, pending) in self.pending.iter_mut().enumerate() {
            if let Some(stop) = pending.take(id, guess) {
                self.own.push((parcel, stop));
                guess = stop;
            }
        }
        let stops = self.own.iter().filter_map(|(parcel, stop)| {
            let parcel = &self.pending.get(*parcel)?.parcel;
            Some((parcel, parcel.stops.get(*stop)?))
        });
        let Some((_, Stop { mailbox, .. })) = stops.clone().next() else {
            // It was told with those before, or has gone.
            return;
        };
        let outs = stops.flat_map(|(parcel, stop)| parcel.told_at(stop));
        match mailbox.put(outs.clone(), &mut self.joined) {
            Ok(Put::Sent) if outs.clone().any(|out| matches!(out, Out::More)) => {
                self.report.drained.push(id);
            }
            Ok(_) => {}
            Err(_) => self.report.slow.push(id),
        }
    }

    /// Lets go of the oldest parcel, which all are told.
    fn finish(&mut self) {
        self.joined.forget();
        let Some(Pending { parcel, .. }) = self.pending.pop_front() else {
            return;
        };
        // Nothing comes after their last words, for which there may have been no room.
        for (id, outbox) in parcel.leaving {
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

    use super::{super::Outs, *};
    use crate::{
        outbox::{Outbox, Queue, outbox},
        wire::Encoded,
    };

    /// Connections, whose ids are their places.
    fn connections<const N: usize>() -> [(Outbox, Queue); N] {
        std::array::from_fn(|_| {
            let (outbox, queue, _cut) = outbox(1_000_000, None);
            (outbox, queue)
        })
    }

    /// A word that one says, for all.
    fn said(by: u64, word: &str, connections: &[(Outbox, Queue)]) -> Parcel {
        let mut outs = Outs::default();
        let word = Out::Text(Encoded::text(word));
        outs.push_all(0..connections.len() as u64, word);
        let stops = connections.iter().zip(0..).map(|((outbox, _), at)| Stop {
            id: at as u64,
            outs: at..at + 1,
            mailbox: outbox.mailbox().clone(),
        });
        Parcel {
            outs,
            stops: stops.collect(),
            speakers: vec![by],
            ..Parcel::default()
        }
    }

    /// What each one hears of in the next steps.
    fn heard(
        round: &mut Round,
        steps: usize,
        connections: &mut [(Outbox, Queue)],
    ) -> Vec<(usize, String)> {
        let mut all = vec![];
        for _ in 0..steps {
            round.step();
            for (at, (_, queue)) in connections.iter_mut().enumerate() {
                let mut taken = vec![];
                if queue.take(&mut taken).now_or_never() == Some(true) {
                    let words = taken.iter().filter_map(Out::bytes);
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
    fn who_spoke_hears_first_and_the_others_all_that_came_meanwhile() {
        let mut all = connections::<4>();
        let mut round = Round::default();
        round.add(said(2, "one", &all));
        let first = heard(&mut round, 2, &mut all);
        assert_eq!(first, pairs(&[(2, "one"), (0, "one")]));
        round.add(said(3, "two", &all));
        round.add(said(2, "three", &all));
        let then = heard(&mut round, 4, &mut all);
        let untold = [(3, "one two three"), (2, "two three"), (1, "one two three")];
        assert_eq!(then, pairs(&untold));
        assert_eq!(heard(&mut round, 10, &mut all), pairs(&[(0, "two three")]));
        assert!(round.is_done());
    }

    #[test]
    fn who_is_told_the_same_comes_together() {
        let mut all = connections::<4>();
        let mut parcel = said(9, "all", &all);
        // The two of a room, then those of another.
        parcel.outs = Outs::default();
        for room in [[0, 2], [1, 3]] {
            let word = Out::Text(Encoded::text("all"));
            parcel.outs.push_all(room, word);
        }
        let ids: Vec<_> = parcel.outs.by_connection().collect();
        assert_eq!(ids, [(0, 0..1), (1, 1..2), (2, 2..3), (3, 3..4)]);
        let mut round = Round::default();
        round.add(parcel);
        let told = heard(&mut round, 6, &mut all);
        let order: Vec<_> = told.into_iter().map(|(at, _)| at).collect();
        assert_eq!(order, [0, 2, 1, 3]);
    }

    #[test]
    fn nobody_is_put_off_by_those_who_speak() {
        let mut all = connections::<40>();
        let mut round = Round::default();
        let mut steps = 0;
        for _ in 0..3 {
            assert!(round.has_room(1_000));
            round.add(said(39, "word", &all));
            while !round.has_room(1_000) {
                round.step();
                steps += 1;
            }
        }
        // The one who spoke, and sixteen others; when all were told of the first parcel, it is let go of.
        assert_eq!(steps, 3 * (OTHERS + 1) + 1);
        let told = all.iter_mut().filter_map(|(_, queue)| {
            let mut taken = vec![];
            queue.take(&mut taken).now_or_never()
        });
        assert_eq!(told.count(), 40);
    }

    #[test]
    fn no_more_is_taken_than_may_be_kept_back_from_a_connection() {
        let all = connections::<40>();
        let mut round = Round::default();
        let told = |round: &mut Round| {
            for _ in 0..=OTHERS {
                round.step();
            }
        };
        let weight = Out::Text(Encoded::text("four")).weight();
        round.add(said(0, "four", &all));
        assert!(!round.has_room(2 * weight), "others were not told yet");
        told(&mut round);
        assert!(round.has_room(2 * weight));
        round.add(said(0, "four", &all));
        told(&mut round);
        assert!(!round.has_room(2 * weight));
        while !round.is_done() {
            assert!(!round.has_room(weight));
            round.step();
        }
        assert!(round.has_room(weight));
        // Parcels that say nothing are bounded as well, and those with too many frames.
        for _ in 0..PARCELS {
            assert!(round.has_room(1000));
            round.add(Parcel::default());
            round.others = OTHERS;
        }
        assert!(!round.has_room(1000));
        round.step();
        assert!(round.has_room(1000));
        let mut many = Outs::default();
        many.push_all((0..FRAMES as u64).map(|_| 0), Out::More);
        round.add(Parcel {
            outs: many,
            ..Parcel::default()
        });
        round.others = OTHERS;
        assert!(!round.has_room(1000));
    }
}
