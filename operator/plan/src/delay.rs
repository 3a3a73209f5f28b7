//! How long to wait: before a container is started again, before a failed reconcile is tried again, before
//! a Node that is not ready is probed again.

use std::time::Duration;

use crate::Workload;

/// A run at least this long, in seconds, starts the delays over.
pub const STABLE_SECONDS: i64 = 60;
/// First and longest delay before an agent is restarted, in seconds.
const AGENT_SECONDS: (i64, i64) = (5, 300);
/// First and longest delay before a service is restarted, in seconds: everybody waits for it.
const SERVICE_SECONDS: (i64, i64) = (1, 60);
/// The longest delay before a failed reconcile is tried again.
const MAX_RETRY: Duration = Duration::from_secs(60);
/// Bounds of the delay between two probes of a Node that is not ready.
const PROBE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));

/// Seconds to wait after the end of a run, given how many restarts in a row came before it and how long
/// it ran: at once after a stable run or the first failure, then doubling: 5 s to 5 min for an agent.
#[must_use]
pub fn restart_delay_seconds(workload: Workload, in_a_row: u32, ran_for_seconds: i64) -> i64 {
    if ran_for_seconds >= STABLE_SECONDS || in_a_row == 0 {
        return 0;
    }
    let (first, longest) = match workload {
        Workload::Agent => AGENT_SECONDS,
        Workload::Service => SERVICE_SECONDS,
    };
    // The first one × 2⁶ is beyond the longest already.
    (first << (in_a_row - 1).min(6)).min(longest)
}

/// Time until the next try: `first` after the first failure, doubling with each one in a row to 60 s.
#[must_use]
pub fn retry_delay(first: Duration, in_a_row: u32) -> Duration {
    let factor = 1 << in_a_row.saturating_sub(1).min(16);
    first.saturating_mul(factor).min(MAX_RETRY.max(first))
}

/// Time until a Node is probed again that has not been ready for so long: a quarter of it, within bounds, so
/// that a start is noticed at once and a Node that is down for days costs little.
#[must_use]
pub fn probe_delay(not_ready_for: Duration) -> Duration {
    (not_ready_for / 4).clamp(PROBE.0, PROBE.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restart_delay_doubles_to_its_cap_and_starts_over_after_a_stable_run() {
        let of = |workload| (0..9).map(move |n| restart_delay_seconds(workload, n, 1));
        let agent: Vec<_> = of(Workload::Agent).collect();
        assert_eq!(agent, [0, 5, 10, 20, 40, 80, 160, 300, 300]);
        let service: Vec<_> = of(Workload::Service).collect();
        assert_eq!(service, [0, 1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(restart_delay_seconds(Workload::Agent, u32::MAX, 1), 300);
        assert_eq!(restart_delay_seconds(Workload::Agent, 8, 60), 0);
    }

    #[test]
    fn retries_become_rarer() {
        let first = Duration::from_secs(2);
        let delays: Vec<_> = (0..8).map(|n| retry_delay(first, n).as_secs()).collect();
        assert_eq!(delays, [2, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(retry_delay(first, u32::MAX), MAX_RETRY);
        let long = Duration::from_secs(90);
        assert_eq!(retry_delay(long, 3), long);
    }

    #[test]
    fn probes_of_a_node_become_rarer() {
        let after = |s| probe_delay(Duration::from_secs(s)).as_millis();
        assert_eq!(
            [after(0), after(2), after(8), after(3600)],
            [500, 500, 2000, 10_000]
        );
    }
}
