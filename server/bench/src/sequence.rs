//! What one receiver heard of each sender: everything, once, in order, or what was wrong.

use std::collections::BTreeSet;

use serde::Serialize;

/// What was wrong; all zero when nothing was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Faults {
    /// Messages that never came.
    pub lost: u64,
    /// Messages that came again.
    pub repeated: u64,
    /// Messages that came after a later one.
    pub reordered: u64,
    /// Messages of senders that were none of the receiver's business.
    pub foreign: u64,
}

impl Faults {
    /// Whether anything was wrong.
    pub fn any(&self) -> bool {
        *self != Self::default()
    }

    /// Whether anybody heard something wrong, other than nothing at all.
    pub fn is_confused(&self) -> bool {
        self.repeated + self.reordered + self.foreign > 0
    }

    /// Adds what was wrong elsewhere.
    pub fn add(&mut self, other: Self) {
        self.lost += other.lost;
        self.repeated += other.repeated;
        self.reordered += other.reordered;
        self.foreign += other.foreign;
    }
}

/// What one receiver heard.
pub struct Sequence {
    first: u32,
    senders: Vec<Heard>,
    faults: Faults,
}

#[derive(Default)]
struct Heard {
    next: u32,
    missing: BTreeSet<u32>,
}

impl Sequence {
    /// Of `count` senders, the first of which is `first`.
    pub fn new(first: u32, count: u32) -> Self {
        Self {
            first,
            senders: (0..count).map(|_| Heard::default()).collect(),
            faults: Faults::default(),
        }
    }

    /// A message came; true when it is the first time.
    pub fn hear(&mut self, sender: u32, number: u32) -> bool {
        let index = sender.checked_sub(self.first).map(|i| i as usize);
        let Some(heard) = index.and_then(|index| self.senders.get_mut(index)) else {
            self.faults.foreign += 1;
            return false;
        };
        if number >= heard.next {
            heard.missing.extend(heard.next..number);
            heard.next = number + 1;
            return true;
        }
        let late = heard.missing.remove(&number);
        match late {
            true => self.faults.reordered += 1,
            false => self.faults.repeated += 1,
        }
        late
    }

    /// How many messages of each sender came; less than were sent while some are missing.
    pub fn came(&self) -> impl Iterator<Item = (u32, u32)> {
        let came = |heard: &Heard| heard.next - u32::try_from(heard.missing.len()).unwrap_or(0);
        (self.first..).zip(self.senders.iter().map(came))
    }

    /// What was wrong, when each sender sent so many.
    pub fn faults(&self, sent: impl Fn(u32) -> u32) -> Faults {
        let missing = self.came();
        let lost = missing.map(|(sender, came)| u64::from(sent(sender).saturating_sub(came)));
        Faults {
            lost: lost.sum(),
            ..self.faults
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(heard: &[(u32, u32)], sent: u32) -> Faults {
        let mut sequence = Sequence::new(10, 2);
        for &(sender, number) in heard {
            sequence.hear(sender, number);
        }
        sequence.faults(|_| sent)
    }

    #[test]
    fn senders_may_interleave() {
        let heard = [(10, 0), (11, 0), (11, 1), (10, 1)];
        assert_eq!(faults(&heard, 2), Faults::default());
    }

    #[test]
    fn a_gap_and_a_missing_end_are_losses() {
        let heard = [(10, 0), (10, 3), (11, 0), (11, 1)];
        let lost = Faults {
            lost: 4,
            ..Faults::default()
        };
        assert_eq!(faults(&heard, 4), lost);
        assert!(lost.any());
    }

    #[test]
    fn what_comes_twice_is_a_repeat() {
        let heard = [(10, 0), (10, 1), (10, 0), (10, 1), (11, 0), (11, 1)];
        let repeated = Faults {
            repeated: 2,
            ..Faults::default()
        };
        assert_eq!(faults(&heard, 2), repeated);
    }

    #[test]
    fn what_comes_late_is_reordered_and_not_lost() {
        let heard = [
            (10, 0),
            (10, 2),
            (10, 1),
            (10, 1),
            (11, 0),
            (11, 1),
            (11, 2),
        ];
        let faulty = Faults {
            reordered: 1,
            repeated: 1,
            ..Faults::default()
        };
        assert_eq!(faults(&heard, 3), faulty);
    }

    #[test]
    fn other_channels_are_foreign() {
        let foreign = Faults {
            foreign: 2,
            ..Faults::default()
        };
        assert_eq!(faults(&[(9, 0), (12, 0)], 0), foreign);
    }
}
