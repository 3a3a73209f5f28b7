//! How long the hub waits for a batch to fill.
//!
//! Making a batch durable takes about as long for many commands as for one, and those who wait for each other's
//! answers come by turns: while one batch is written, the others' commands arrive. A hub that never waits writes
//! small batches for ever. So it waits a little for as many commands as came of late, and not at all for
//! somebody who is alone.
//!
//! When a crowd talks, its batches are some milliseconds apart: everybody gets what others said in fewer writes,
//! which are the most of the work. What comes meanwhile is read at once, see [`crate::read_batching`].

use std::time::{Duration, Instant};

/// The share of a commit's time that is waited at most.
const SHARE: u32 = 4;
/// The most that is waited.
const MOST: Duration = Duration::from_millis(2);
/// A batch of so many commands is of a crowd…
const CROWD: usize = 128;
/// …and the next one begins so much later, at most.
const APART: Duration = Duration::from_millis(9);
/// Batches of a crowd are apart by so many times of what one takes.
const REST: u32 = 2;

/// What became of the last batches.
#[derive(Default)]
pub struct BatchWindow {
    expected: usize,
    commit: Duration,
    /// When the next batch may begin, if the last one was of a crowd.
    crowd: Option<Instant>,
}

impl BatchWindow {
    /// Until when to wait for how many commands.
    pub fn wait_for(&self, now: Instant) -> (Instant, usize) {
        match self.crowd {
            Some(_) => (now, 0),
            None => (now + (self.commit / SHARE).min(MOST), self.expected),
        }
    }

    /// When the next batch may begin, if a crowd talks.
    pub fn crowd(&self) -> Option<Instant> {
        self.crowd
    }

    /// How long to wait before the next look, when there is so much time left.
    pub fn look(left: Duration) -> Duration {
        (left / 4).clamp(Duration::from_micros(50), Duration::from_millis(1))
    }

    /// A batch of so many commands, which began then, was made durable, while others came.
    pub fn committed(&mut self, began: Instant, batch: usize, came: usize, commit: Duration) {
        self.expected = batch + came;
        self.crowd = (batch >= CROWD).then_some(began);
        // What is rare, as a checkpoint is, counts little.
        self.commit = (self.commit * 7 + commit.min(4 * MOST * SHARE)) / 8;
    }

    /// What came of the batch was handed to the fan-out as well.
    pub fn delivered(&mut self, now: Instant) {
        self.crowd = self
            .crowd
            .map(|began| began + (REST * (now - began)).min(APART));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_client_is_not_waited_for_and_those_who_answer_each_other_share_a_batch() {
        let mut window = BatchWindow::default();
        let now = Instant::now();
        let waits = |window: &BatchWindow| {
            let (until, expected) = window.wait_for(now);
            (until - now, expected)
        };
        assert_eq!(waits(&window), (Duration::ZERO, 0));
        for _ in 0..100 {
            window.committed(now, 1, 0, Duration::from_millis(4));
        }
        let (wait, expected) = waits(&window);
        assert_eq!(expected, 1);
        assert!(wait > Duration::from_micros(900) && wait <= Duration::from_millis(1));
        window.committed(now, 1, 3, Duration::from_secs(60));
        let (wait, expected) = waits(&window);
        assert!(expected == 4 && wait <= MOST);
        // One of them has left.
        window.committed(now, 3, 0, Duration::from_millis(1));
        assert_eq!(waits(&window).1, 3);
    }

    #[test]
    fn batches_of_a_crowd_are_apart() {
        let mut window = BatchWindow::default();
        let began = Instant::now();
        window.committed(began, CROWD, 0, Duration::ZERO);
        window.delivered(began + APART / 10);
        assert_eq!(window.crowd(), Some(began + APART / 5));
        window.committed(began, CROWD, 0, Duration::ZERO);
        window.delivered(began + APART * 2);
        assert_eq!(window.crowd(), Some(began + APART));
        // All of it has been read by then.
        assert_eq!(window.wait_for(began), (began, 0));
        window.committed(began, CROWD - 1, 0, Duration::ZERO);
        window.delivered(began);
        assert_eq!(window.crowd(), None);
    }
}
