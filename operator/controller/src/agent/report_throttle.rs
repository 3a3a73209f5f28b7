//! How often reports of one container may have it looked at: they are untrusted, and a flood of them must
//! not become a flood of writes.

use std::time::Duration;

use tokio::time::Instant;

/// Looks at once that are due to changes of state, before they are spaced out.
const BURST: u32 = 5;
/// Between two of them then.
const INTERVAL: Duration = Duration::from_secs(1);
/// Between two looks that only follow counters.
const COUNTERS: Duration = Duration::from_secs(5);

/// What a report brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// The heartbeat at most.
    Nothing,
    /// Numbers that grow.
    Counters,
    /// Another state.
    State,
}

/// Spaces looks out.
pub struct ReportThrottle {
    /// When the allowance will be whole again.
    whole_at: Instant,
    last: Option<Instant>,
}

impl ReportThrottle {
    /// With the whole allowance.
    pub fn new(now: Instant) -> Self {
        Self {
            whole_at: now,
            last: None,
        }
    }

    /// When to look because of such news; `None` when never.
    pub fn due(&self, news: News, now: Instant) -> Option<Instant> {
        let free = (self.whole_at + INTERVAL)
            .checked_sub(INTERVAL * BURST)
            .map_or(now, |at| at.max(now));
        match news {
            News::Nothing => None,
            News::State => Some(free),
            News::Counters => Some(self.last.map_or(free, |last| (last + COUNTERS).max(free))),
        }
    }

    /// Notes a look.
    pub fn note_look(&mut self, now: Instant) {
        self.whole_at = self.whole_at.max(now) + INTERVAL;
        self.last = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flood_of_reports_becomes_a_trickle_of_reconciles() {
        let start = Instant::now();
        let (mut throttle, mut looks) = (ReportThrottle::new(start), 0);
        // A change each millisecond, for a minute.
        for ms in 0..60_000 {
            let now = start + Duration::from_millis(ms);
            if throttle.due(News::State, now) == Some(now) {
                throttle.note_look(now);
                looks += 1;
            }
        }
        assert!((60..=66).contains(&looks), "{looks}");
    }

    #[test]
    fn first_changes_are_seen_at_once_and_counters_wait() {
        let now = Instant::now();
        let mut throttle = ReportThrottle::new(now);
        for _ in 0..BURST {
            assert_eq!(throttle.due(News::State, now), Some(now));
            throttle.note_look(now);
        }
        assert_eq!(throttle.due(News::State, now), Some(now + INTERVAL));
        assert_eq!(throttle.due(News::Counters, now), Some(now + COUNTERS));
        assert_eq!(throttle.due(News::Nothing, now), None);
    }
}
