//! Whether a limit of the manifest is reached: the supervisor and the operator judge by the same.

use std::time::Duration;

use crate::{LimitsConfig, UsageLedger};

impl LimitsConfig {
    /// The first limit that is reached, for people; `now_ms` in milliseconds since the epoch.
    #[must_use]
    pub fn reached(&self, ledger: &UsageLedger, now_ms: i64) -> Option<String> {
        let usage = &ledger.usage;
        let tokens = usage.tokens_in.saturating_add(usage.tokens_out);
        let elapsed = elapsed(ledger, now_ms).as_secs();
        let counted = [
            ("turns", self.turns, usage.turns),
            ("tokens", self.tokens, tokens),
            ("duration", self.duration_seconds, elapsed),
        ];
        let counted = counted
            .into_iter()
            .find(|(_, most, used)| most.is_some_and(|most| *used >= most));
        if let Some((name, Some(most), used)) = counted {
            let unit = if name == "duration" { " s" } else { "" };
            return Some(format!(
                "limits.{name} is reached: {used}{unit} of {most}{unit}"
            ));
        }
        let most = self.cost_usd?;
        (usage.cost_usd >= most)
            .then(|| format!("limits.costUSD is reached: {} of {most}", usage.cost_usd))
    }

    /// How long it is until the limit on time is reached; `None` without one.
    #[must_use]
    pub fn time_left(&self, ledger: &UsageLedger, now_ms: i64) -> Option<Duration> {
        let most = Duration::from_secs(self.duration_seconds?);
        Some(most.saturating_sub(elapsed(ledger, now_ms)))
    }
}

/// Time since the first start.
fn elapsed(ledger: &UsageLedger, now_ms: i64) -> Duration {
    if ledger.first_start == 0 {
        return Duration::ZERO;
    }
    let elapsed = now_ms.saturating_sub(ledger.first_start).max(0);
    Duration::from_millis(elapsed.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Usage;

    fn ledger() -> UsageLedger {
        UsageLedger {
            usage: Usage {
                turns: 3,
                tokens_in: 10,
                tokens_out: 5,
                cost_usd: 0.5,
            },
            first_start: 1_000,
        }
    }

    #[test]
    fn each_limit_is_reached_at_its_value_and_not_before() {
        let none = LimitsConfig::default();
        assert_eq!(none.reached(&ledger(), i64::MAX), None);
        let turns = |n| LimitsConfig {
            turns: Some(n),
            ..none.clone()
        };
        let tokens = |n| LimitsConfig {
            tokens: Some(n),
            ..none.clone()
        };
        let cost = |n| LimitsConfig {
            cost_usd: Some(n),
            ..none.clone()
        };
        let duration = |n| LimitsConfig {
            duration_seconds: Some(n),
            ..none.clone()
        };
        for (limits, said) in [
            (turns(3), "limits.turns is reached: 3 of 3"),
            (tokens(15), "limits.tokens is reached: 15 of 15"),
            (cost(0.5), "limits.costUSD is reached: 0.5 of 0.5"),
            (duration(60), "limits.duration is reached: 60 s of 60 s"),
        ] {
            assert_eq!(limits.reached(&ledger(), 61_000).as_deref(), Some(said));
        }
        for limits in [turns(4), tokens(16), cost(0.6), duration(61)] {
            assert_eq!(limits.reached(&ledger(), 61_000), None, "{limits:?}");
        }
    }

    #[test]
    fn time_left_ends_when_the_limit_is_reached_and_starts_with_the_agent() {
        let limits = LimitsConfig {
            duration_seconds: Some(60),
            ..LimitsConfig::default()
        };
        for (now, left) in [(500, 60), (1_000, 60), (31_000, 30), (900_000, 0)] {
            assert_eq!(
                limits.time_left(&ledger(), now),
                Some(Duration::from_secs(left))
            );
        }
        let never = UsageLedger::default();
        assert_eq!(
            limits.time_left(&never, 900_000),
            Some(Duration::from_secs(60))
        );
        assert_eq!(limits.reached(&never, 900_000), None);
        assert_eq!(LimitsConfig::default().time_left(&ledger(), 0), None);
    }
}
