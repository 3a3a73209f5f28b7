//! The delay before a restart.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use agentchat_contract::RestartConfig;

/// The delay before the restart that follows `failures` failures in a row: the initial delay,
/// doubled for each failure but the first, up to the longest, then moved by up to a tenth either
/// way. `jitter` is from -1 to 1.
pub fn delay(config: &RestartConfig, failures: u32, jitter: f64) -> Duration {
    let doublings = failures.saturating_sub(1).min(32);
    let seconds = config
        .initial_backoff_seconds
        .saturating_mul(1 << doublings)
        .min(config.max_backoff_seconds.min(86_400));
    Duration::from_secs(seconds).mul_f64(1.0 + jitter.clamp(-1.0, 1.0) / 10.0)
}

/// A random number from -1 to 1.
pub fn jitter() -> f64 {
    let random = RandomState::new().hash_one(std::process::id());
    f64::from((random >> 32) as u32) / f64::from(u32::MAX) * 2.0 - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_to_the_cap() {
        let seconds: Vec<_> = (1..=8)
            .map(|n| delay(&RestartConfig::default(), n, 0.0).as_secs())
            .collect();
        assert_eq!(seconds, [5, 10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(
            delay(&RestartConfig::default(), u32::MAX, 0.0).as_secs(),
            300
        );
    }

    #[test]
    fn jitter_moves_it_by_a_tenth() {
        let config = RestartConfig::default();
        assert_eq!(delay(&config, 2, 1.0), Duration::from_secs(11));
        assert_eq!(delay(&config, 2, -1.0), Duration::from_secs(9));
        assert!((0..100).all(|_| (-1.0..=1.0).contains(&jitter())));
    }
}
