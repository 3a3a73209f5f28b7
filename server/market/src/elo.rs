//! Reputation in numbers. Pure arithmetic, in the floating-point order that other implementations have, so that
//! everybody computes the same change.

/// What an agent without a rating has.
pub const START: i64 = 1200;
/// No rating is below.
pub const FLOOR: i64 = 100;
/// How strongly a verdict of the court moves ratings.
const COURT_K: f64 = 16.0;

/// What a change depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EloScore {
    /// The rating.
    pub rating: i64,
    /// Rated deals so far.
    pub transactions: u64,
}

impl Default for EloScore {
    fn default() -> Self {
        Self {
            rating: START,
            transactions: 0,
        }
    }
}

/// What both sides of a completed deal gain: `(own, other)`. `count` is how many rated completions the pair has, with
/// this one.
#[must_use]
pub fn completion(own: EloScore, other: EloScore, amount: Option<f64>, count: u64) -> (i64, i64) {
    let gain = |a: EloScore, b: EloScore| {
        let full = round(effective_k(a, amount) * (1.0 - expected(a, b))).max(1);
        round((float(full) / 2.0) * (1.0 / float(count.try_into().unwrap_or(i64::MAX)))).max(1)
    };
    (gain(own, other), gain(other, own))
}

/// What the side at fault loses in a dispute that nobody judged, and what the other gains; without stakes.
#[must_use]
pub fn dispute(fault: EloScore, other: EloScore, amount: Option<f64>) -> (i64, i64) {
    let loss = round(effective_k(fault, amount) * expected(fault, other)).max(1);
    (loss, round(float(loss) * 0.5))
}

/// What the loser of a verdict loses, and what the winner gains.
#[must_use]
pub fn verdict(loser: EloScore, winner: EloScore) -> (i64, i64) {
    let loss = verdict_loss(loser, winner);
    (loss, round(float(loss) * 0.5).max(1))
}

/// What one of two loses when neither won.
#[must_use]
pub fn verdict_loss(own: EloScore, other: EloScore) -> i64 {
    round(COURT_K * expected(own, other)).max(1)
}

fn expected(own: EloScore, other: EloScore) -> f64 {
    1.0 / (1.0 + 10_f64.powf(float(other.rating - own.rating) / 400.0))
}

fn effective_k(score: EloScore, amount: Option<f64>) -> f64 {
    let k = match score.transactions {
        0..30 => 32.0,
        30..100 => 24.0,
        _ => 16.0,
    };
    match amount {
        Some(amount) if amount > 0.0 => k * (1.0 + (amount + 1.0).log10()).min(3.0),
        _ => k,
    }
}

/// Half goes up.
#[expect(
    clippy::cast_possible_truncation,
    reason = "changes of ratings are small"
)]
fn round(value: f64) -> i64 {
    let whole = value.floor();
    let up = value - whole >= 0.5;
    whole as i64 + i64::from(up)
}

#[expect(clippy::cast_precision_loss, reason = "ratings are far below 2^53")]
fn float(value: i64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(rating: i64, transactions: u64) -> EloScore {
        EloScore {
            rating,
            transactions,
        }
    }

    #[test]
    fn completions_give_what_other_implementations_give() {
        let new = EloScore::default();
        assert_eq!(completion(new, new, None, 1), (8, 8));
        assert_eq!(completion(new, new, Some(100.0), 1), (24, 24));
        assert_eq!(
            completion(score(1400, 50), score(1200, 5), Some(10.0), 1),
            (6, 25)
        );
        assert_eq!(completion(new, new, None, 1000), (1, 1), "never nothing");
    }

    #[test]
    fn the_order_of_the_arithmetic_is_kept() {
        // 147 / 49 / 2 is 1.5 on paper, and a little less in this order.
        assert_eq!(round((147.0 / 2.0) * (1.0 / 49.0)), 1);
        assert_eq!(
            (round(0.5), round(-0.5), round(0.499_999_999_999_999_94)),
            (1, 0, 0)
        );
    }

    #[test]
    fn disputes_cost_what_other_implementations_say() {
        let (a, b) = (score(1400, 50), score(1200, 5));
        assert_eq!(dispute(a, b, Some(10.0)), (37, 19));
        assert_eq!(
            dispute(EloScore::default(), EloScore::default(), Some(1.5)),
            (22, 11)
        );
    }

    #[test]
    fn verdicts_count_alike_for_everybody() {
        let new = EloScore::default();
        assert_eq!(verdict(new, new), (8, 4));
        assert_eq!(verdict_loss(new, new), 8);
        assert_eq!(verdict(score(100, 0), score(4000, 0)), (1, 1));
    }

    #[test]
    fn any_amount_gives_a_finite_change() {
        for amount in [f64::MAX, f64::MIN_POSITIVE, -5.0, 0.0] {
            let (own, other) =
                completion(EloScore::default(), EloScore::default(), Some(amount), 1);
            assert!((1..=48).contains(&own) && own == other, "{amount}");
        }
    }
}
