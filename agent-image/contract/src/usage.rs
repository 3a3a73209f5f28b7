//! What an agent used, and the account of it that only grows.

use serde::{Deserialize, Serialize};

use crate::{FileError, Layout, file::read_json, paths};

/// An amount of usage: all that an agent used, or a part of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Usage {
    /// Answers of the model.
    pub turns: u64,
    /// Tokens read, cached ones included.
    pub tokens_in: u64,
    /// Tokens written.
    pub tokens_out: u64,
    /// Cost as the runtime reports it, US dollars.
    pub cost_usd: f64,
}

impl Usage {
    /// Adds an amount. Saturates; a cost that is negative or not a number counts as 0.
    pub fn add(&mut self, more: &Self) {
        self.turns = self.turns.saturating_add(more.turns);
        self.tokens_in = self.tokens_in.saturating_add(more.tokens_in);
        self.tokens_out = self.tokens_out.saturating_add(more.tokens_out);
        self.cost_usd = (positive(self.cost_usd) + positive(more.cost_usd)).min(f64::MAX);
    }

    /// Raises each field to that of another amount; lowers none.
    pub fn raise(&mut self, other: &Self) {
        self.turns = self.turns.max(other.turns);
        self.tokens_in = self.tokens_in.max(other.tokens_in);
        self.tokens_out = self.tokens_out.max(other.tokens_out);
        self.cost_usd = positive(self.cost_usd).max(positive(other.cost_usd));
    }

    /// Whether nothing was used.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }
}

/// A cost that can be summed and written as JSON.
fn positive(cost: f64) -> f64 {
    if cost.is_nan() {
        return 0.0;
    }
    cost.clamp(0.0, f64::MAX)
}

/// The account of what an agent used in all of its containers.
///
/// The operator keeps it and delivers it with the configuration as `usage.json` ([`paths::USAGE`]); the
/// supervisor counts on from there and reports the result in [`State`](crate::State). Both only ever raise it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UsageLedger {
    /// Used so far.
    pub usage: Usage,
    /// First start, milliseconds since the epoch; 0 when the agent never was started.
    pub first_start: i64,
}

impl UsageLedger {
    /// The delivered record. An absent one is an error: without it nothing is known of what was used before.
    pub fn read(layout: &Layout) -> Result<Self, FileError> {
        read_json(layout, paths::USAGE)
    }

    /// Raises the account to another one, field by field: the larger usage, and the earlier of the first starts
    /// that are known. Nothing is lowered, so that the order of calls and their repetition do not matter.
    pub fn raise(&mut self, other: &Self) {
        self.usage.raise(&other.usage);
        let known = [self.first_start, other.first_start];
        let known = known.into_iter().filter(|start| *start > 0);
        self.first_start = known.min().unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn usage() -> impl Strategy<Value = Usage> {
        let cost = prop_oneof![
            0.0..1e6,
            Just(f64::MAX),
            Just(f64::NAN),
            Just(f64::INFINITY),
            Just(-1.0)
        ];
        (any::<u64>(), any::<u64>(), any::<u64>(), cost).prop_map(
            |(turns, tokens_in, tokens_out, cost_usd)| Usage {
                turns,
                tokens_in,
                tokens_out,
                cost_usd,
            },
        )
    }

    fn ledger() -> impl Strategy<Value = UsageLedger> {
        (usage(), prop_oneof![Just(0), any::<i64>()])
            .prop_map(|(usage, first_start)| UsageLedger { usage, first_start })
    }

    fn is_at_least(new: &Usage, old: &Usage) -> bool {
        new.turns >= old.turns
            && new.tokens_in >= old.tokens_in
            && new.tokens_out >= old.tokens_out
            && new.cost_usd >= positive(old.cost_usd)
    }

    proptest! {
        #[test]
        fn ledger_never_falls_and_survives_its_json(
            start in ledger(),
            steps in proptest::collection::vec((any::<bool>(), ledger()), 0..8),
        ) {
            let mut now = start;
            now.raise(&UsageLedger::default());
            for (add, step) in steps {
                let before = now.clone();
                if add {
                    now.usage.add(&step.usage);
                } else {
                    now.raise(&step);
                }
                prop_assert!(is_at_least(&now.usage, &before.usage));
                prop_assert!(before.first_start == 0 || (1..=before.first_start).contains(&now.first_start));
                let text = serde_json::to_string(&now).unwrap();
                let read: UsageLedger = serde_json::from_str(&text).unwrap();
                // The last bit of a number may differ.
                let same_cost = (read.usage.cost_usd / now.usage.cost_usd.max(1e-9) - 1.0).abs() < 1e-9;
                prop_assert!(same_cost || now.usage.cost_usd < 1e-9);
                prop_assert_eq!(&UsageLedger { usage: Usage { cost_usd: now.usage.cost_usd, ..read.usage }, ..read }, &now);
            }
        }
    }

    #[test]
    fn ledger_without_a_field_is_refused() {
        let whole = serde_json::to_value(UsageLedger::default()).unwrap();
        assert!(serde_json::from_value::<UsageLedger>(whole.clone()).is_ok());
        for field in ["usage", "firstStart"] {
            let mut part = whole.clone();
            part.as_object_mut().unwrap().remove(field);
            assert!(
                serde_json::from_value::<UsageLedger>(part).is_err(),
                "{field}"
            );
        }
    }
}
