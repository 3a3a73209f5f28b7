//! Whether a limit of the manifest is reached.

use std::time::Duration;

use agentchat_contract::{LimitsConfig, UsageLedger};

/// The first limit that is reached, for people.
pub fn reached(limits: &LimitsConfig, ledger: &UsageLedger, now_ms: i64) -> Option<String> {
    let usage = &ledger.usage;
    let tokens = usage.tokens_in.saturating_add(usage.tokens_out);
    let elapsed = elapsed(ledger, now_ms).as_secs();
    let counted = [
        ("turns", limits.turns, usage.turns),
        ("tokens", limits.tokens, tokens),
        ("duration", limits.duration_seconds, elapsed),
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
    let most = limits.cost_usd?;
    (usage.cost_usd >= most)
        .then(|| format!("limits.costUSD is reached: {} of {most}", usage.cost_usd))
}

/// How long it is until the limit on time is reached; `None` without one.
pub fn time_left(limits: &LimitsConfig, ledger: &UsageLedger, now_ms: i64) -> Option<Duration> {
    let most = Duration::from_secs(limits.duration_seconds?);
    Some(most.saturating_sub(elapsed(ledger, now_ms)))
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
    use agentchat_contract::Usage;

    use super::*;

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
        assert_eq!(reached(&none, &ledger(), i64::MAX), None);
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
            assert_eq!(reached(&limits, &ledger(), 61_000).as_deref(), Some(said));
        }
        for limits in [turns(4), tokens(16), cost(0.6), duration(61)] {
            assert_eq!(reached(&limits, &ledger(), 61_000), None, "{limits:?}");
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
                time_left(&limits, &ledger(), now),
                Some(Duration::from_secs(left))
            );
        }
        let never = UsageLedger::default();
        assert_eq!(
            time_left(&limits, &never, 900_000),
            Some(Duration::from_secs(60))
        );
        assert_eq!(reached(&limits, &never, 900_000), None);
        assert_eq!(time_left(&LimitsConfig::default(), &ledger(), 0), None);
    }
}
