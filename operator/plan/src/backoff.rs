//! How long a container waits before it is started again.

/// A run at least this long, in seconds, starts the delays over.
const STABLE_SECONDS: i64 = 60;
/// The longest delay in seconds.
const MAX_SECONDS: i64 = 300;

/// Seconds to wait after the end of a run, given how many restarts in a row came before it and how long
/// it ran: at once after a stable run or the first failure, then 5 s doubling to 5 min.
#[must_use]
pub fn restart_delay_seconds(consecutive: u32, ran_for_seconds: i64) -> i64 {
    if ran_for_seconds >= STABLE_SECONDS || consecutive == 0 {
        return 0;
    }
    5_i64
        .checked_shl(consecutive - 1)
        .filter(|d| *d > 0)
        .unwrap_or(MAX_SECONDS)
        .min(MAX_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_doubles_to_its_cap_and_starts_over_after_a_stable_run() {
        let delays: Vec<_> = (0..9).map(|n| restart_delay_seconds(n, 1)).collect();
        assert_eq!(delays, [0, 5, 10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(restart_delay_seconds(200, 1), 300);
        assert_eq!(restart_delay_seconds(8, 60), 0);
    }
}
