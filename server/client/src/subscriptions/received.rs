//! Which messages of one channel the reader has had.

use crate::Position;

/// Messages that the reader has had: all in a block, and perhaps some beyond it while the block is being
/// filled up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedOffsets {
    epoch: String,
    /// The block: above `start`, up to and with `end`. What lies below is not for the reader.
    start: u64,
    end: u64,
    /// Further ones, sorted, apart from each other and from the block; first and last of each.
    beyond: Vec<(u64, u64)>,
}

impl ReceivedOffsets {
    /// Nothing yet, and wants what comes after a position.
    pub fn after(position: &Position) -> Self {
        Self {
            epoch: position.epoch.clone(),
            start: position.offset,
            end: position.offset,
            beyond: vec![],
        }
    }

    pub fn epoch(&self) -> &str {
        &self.epoch
    }

    /// Offset up to which nothing is missing.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// The position up to which nothing is missing.
    pub fn position(&self) -> Position {
        Position {
            epoch: self.epoch.clone(),
            offset: self.end,
        }
    }

    /// Takes a message in; false when the reader has had it, or does not want it.
    pub fn insert(&mut self, offset: u64) -> bool {
        let known = |&(first, last): &(u64, u64)| (first..=last).contains(&offset);
        if offset <= self.end || self.beyond.iter().any(known) {
            return false;
        }
        self.add(offset, offset);
        true
    }

    /// The reader wants what comes after `since`, which lies further back.
    pub fn reach_back(&mut self, since: u64) {
        if since >= self.start {
            return;
        }
        let (first, last) = (self.start.saturating_add(1), self.end);
        (self.start, self.end) = (since, since);
        if first <= last {
            self.add(first, last);
        }
    }

    /// What lies between the block and `since` can't be had any more.
    pub fn skip_to(&mut self, since: u64) {
        if since <= self.end {
            return;
        }
        self.end = since;
        for (first, _) in &mut self.beyond {
            *first = (*first).max(since.saturating_add(1));
        }
        self.beyond.retain(|(first, last)| first <= last);
        self.absorb();
    }

    fn add(&mut self, first: u64, last: u64) {
        let index = self.beyond.partition_point(|(start, _)| *start < first);
        self.beyond.insert(index, (first, last));
        // Joins neighbours.
        let mut joined: Vec<(u64, u64)> = Vec::with_capacity(self.beyond.len());
        for (first, last) in self.beyond.drain(..) {
            match joined.last_mut() {
                Some(before) if before.1.saturating_add(1) >= first => {
                    before.1 = before.1.max(last)
                }
                _ => joined.push((first, last)),
            }
        }
        self.beyond = joined;
        self.absorb();
    }

    fn absorb(&mut self) {
        while let Some((first, last)) = self.beyond.first().copied()
            && first <= self.end.saturating_add(1)
        {
            self.end = self.end.max(last);
            self.beyond.remove(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(offset: u64) -> ReceivedOffsets {
        ReceivedOffsets::after(&Position {
            epoch: "e".into(),
            offset,
        })
    }

    #[test]
    fn each_message_is_taken_once_in_whatever_order() {
        let mut received = after(10);
        for (offset, taken) in [
            (10, false),
            (11, true),
            (11, false),
            (14, true),
            (13, true),
            (14, false),
        ] {
            assert_eq!(received.insert(offset), taken, "{offset}");
        }
        assert_eq!(received.end(), 11);
        assert!(received.insert(12));
        assert_eq!((received.end(), received.beyond.len()), (14, 0));
    }

    #[test]
    fn reaching_back_wants_the_history_and_not_what_was_heard() {
        let mut received = after(10);
        received.insert(11);
        received.reach_back(8);
        assert_eq!(received.end(), 8);
        assert_eq!(
            [9, 10, 11, 12].map(|o| received.insert(o)),
            [true, true, false, true]
        );
        assert_eq!(received.end(), 12);
        received.reach_back(9);
        assert_eq!(received.end(), 12);
    }

    #[test]
    fn the_largest_offset_is_one_like_others() {
        let mut received = after(u64::MAX);
        received.reach_back(5);
        assert_eq!([5, 6, 7].map(|o| received.insert(o)), [false, true, true]);
        assert_eq!(received.end(), 7);
        let mut received = after(5);
        assert!(received.insert(u64::MAX));
        received.skip_to(u64::MAX);
        assert_eq!((received.end(), received.insert(6)), (u64::MAX, false));
    }

    #[test]
    fn skipping_gives_up_what_lies_between() {
        let mut received = after(10);
        received.insert(20);
        received.insert(21);
        received.skip_to(15);
        assert_eq!(
            [15, 16, 20].map(|o| received.insert(o)),
            [false, true, false]
        );
        received.skip_to(20);
        assert_eq!(received.end(), 21);
    }
}
