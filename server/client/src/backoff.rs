//! Back-off: pauses between attempts: doubled each time, and never the same for two clients.

use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};

use crate::limits::Limits;

/// The pause before the next attempt.
pub struct Backoff {
    next: Duration,
    first: Duration,
    longest: Duration,
    random: SystemRandom,
}

impl Backoff {
    pub fn new(limits: &Limits) -> Self {
        Self {
            next: limits.first_backoff,
            first: limits.first_backoff,
            longest: limits.longest_backoff,
            random: SystemRandom::new(),
        }
    }

    /// The last connection was a good one.
    pub fn reset(&mut self) {
        self.next = self.first;
    }

    /// The server says when to come back; half of that is no sooner than it means.
    pub fn hint(&mut self, after: Duration) {
        self.next = (after * 2).clamp(self.first, self.longest);
    }

    /// There is no use in coming back soon.
    pub fn lengthen(&mut self) {
        self.next = self.longest;
    }

    /// Between half of the pause and all of it.
    pub fn take(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.longest);
        let mut bytes = [0_u8; 2];
        // Without random numbers the pause is simply the whole.
        let share = match self.random.fill(&mut bytes) {
            Ok(()) => f64::from(u16::from_le_bytes(bytes)) / f64::from(u16::MAX),
            Err(_) => 1.0,
        };
        pause.mul_f64(0.5 + share / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_is_followed_within_bounds() {
        let limits = Limits::default();
        let mut backoff = Backoff::new(&limits);
        backoff.hint(limits.first_backoff * 3);
        assert!(backoff.take() >= limits.first_backoff * 3);
        backoff.hint(Duration::from_secs(1_000_000));
        assert!(backoff.take() <= limits.longest_backoff);
    }

    #[test]
    fn pauses_grow_to_the_longest_and_are_not_the_same_for_all() {
        let limits = Limits::default();
        let pauses = || {
            let mut backoff = Backoff::new(&limits);
            (0..12).map(|_| backoff.take()).collect::<Vec<_>>()
        };
        let (a, b) = (pauses(), pauses());
        assert_ne!(a, b);
        let mut whole = limits.first_backoff;
        for pause in a {
            assert!(
                (whole / 2..=whole).contains(&pause),
                "{pause:?} of {whole:?}"
            );
            whole = (whole * 2).min(limits.longest_backoff);
        }
        assert_eq!(whole, limits.longest_backoff);
    }
}
