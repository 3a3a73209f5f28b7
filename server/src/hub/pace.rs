//! How long the hub waits for a batch to fill.
//!
//! Making a batch durable takes about as long for many commands as for one, and those who wait for each other's
//! answers come in turns: while one batch is written, the others' commands arrive. A hub that never waits writes
//! small batches for ever. So it waits a little for as many commands as came of late, and not at all for
//! somebody who is alone.

use std::time::Duration;

/// The share of a commit's time that is waited at most.
const SHARE: u32 = 4;
/// The most that is waited.
const MOST: Duration = Duration::from_millis(2);
/// How often the hub looks meanwhile.
pub const LOOK: Duration = Duration::from_micros(50);

/// What became of the last batches.
#[derive(Default)]
pub struct Pace {
    expected: usize,
    commit: Duration,
}

impl Pace {
    /// How long to wait for how many commands.
    pub fn patience(&self) -> (Duration, usize) {
        ((self.commit / SHARE).min(MOST), self.expected)
    }

    /// A batch of so many commands was made durable, while others came.
    pub fn done(&mut self, batch: usize, came: usize, commit: Duration) {
        self.expected = batch + came;
        // What is rare, as a checkpoint is, counts little.
        self.commit = (self.commit * 7 + commit.min(4 * MOST * SHARE)) / 8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_alone_does_not_wait_and_those_who_take_turns_come_together() {
        let mut pace = Pace::default();
        assert_eq!(pace.patience(), (Duration::ZERO, 0));
        for _ in 0..100 {
            pace.done(1, 0, Duration::from_millis(4));
        }
        let (wait, expected) = pace.patience();
        assert_eq!(expected, 1);
        assert!(wait > Duration::from_micros(900) && wait <= Duration::from_millis(1));
        pace.done(1, 3, Duration::from_secs(60));
        let (wait, expected) = pace.patience();
        assert!(expected == 4 && wait <= MOST);
        // One of them has left.
        pace.done(3, 0, Duration::from_millis(1));
        assert_eq!(pace.patience().1, 3);
    }
}
