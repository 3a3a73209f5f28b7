//! The generator's clock: one for intended, actual and received times.

use std::time::{Duration, Instant};

/// Counts nanoseconds since it was made.
#[derive(Clone, Copy)]
pub struct Clock(Instant);

impl Clock {
    /// Starts at 0.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Now.
    pub fn now_ns(self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// The instant of a time.
    pub fn at(self, ns: u64) -> tokio::time::Instant {
        (self.0 + Duration::from_nanos(ns)).into()
    }
}
