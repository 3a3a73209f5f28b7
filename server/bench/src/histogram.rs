//! Latencies, counted in buckets that grow with the value: exact below 128, at most 1.6 % off above.

/// Below this every value has a bucket of its own.
const EXACT: u64 = 128;
/// Buckets to each doubling above.
const ROW: u64 = EXACT / 2;
/// Doublings above.
const ROWS: u64 = 64 - EXACT.ilog2() as u64;

/// A histogram of whole numbers; the unit is the caller's.
#[derive(Clone)]
pub struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    max: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: vec![0; position(EXACT + ROWS * ROW)],
            count: 0,
            max: 0,
        }
    }
}

impl Histogram {
    /// Counts a value.
    pub fn record(&mut self, value: u64) {
        if let Some(bucket) = self.buckets.get_mut(bucket(value)) {
            *bucket += 1;
        }
        self.count += 1;
        self.max = self.max.max(value);
    }

    /// The largest value; 0 when there is none.
    pub fn max(&self) -> u64 {
        self.max
    }

    /// A value that at least this share of all values does not exceed; 0 when there is none.
    pub fn quantile(&self, share: f64) -> u64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a rank between 1 and the count"
        )]
        let rank = ((share * self.count as f64).ceil() as u64).clamp(1, self.count.max(1));
        let mut seen = 0;
        for (index, &bucket) in self.buckets.iter().enumerate() {
            seen += bucket;
            if seen >= rank {
                return upper(index as u64).min(self.max);
            }
        }
        self.max
    }

    /// Forgets all values.
    pub fn clear(&mut self) {
        self.buckets.fill(0);
        (self.count, self.max) = (0, 0);
    }
}

/// The bucket of a value.
fn bucket(value: u64) -> usize {
    if value < EXACT {
        return position(value);
    }
    let shift = u64::from(value.ilog2() - ROW.ilog2());
    position(EXACT + (shift - 1) * ROW + (value >> shift) - ROW)
}

/// The largest value of a bucket.
fn upper(bucket: u64) -> u64 {
    let Some(above) = bucket.checked_sub(EXACT) else {
        return bucket;
    };
    let shift = above / ROW + 1;
    ((above % ROW + ROW) << shift) | ((1 << shift) - 1)
}

fn position(index: u64) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_found_again_within_its_error() {
        let powers = (0..64).map(|power| 1_u64 << power);
        let around = powers.flat_map(|p| [p - 1, p, p + 1, p + p / 3, p + (p - 1)]);
        for value in around.chain([u64::MAX]) {
            let mut histogram = Histogram::default();
            // A larger one, so that the largest value does not hide the bucket's bound.
            histogram.record(value);
            histogram.record(u64::MAX);
            let found = histogram.quantile(0.5);
            assert!(found >= value, "{value} became {found}");
            assert!(found - value <= value / ROW, "{value} became {found}");
        }
    }

    #[test]
    fn quantiles_are_ranks() {
        let mut histogram = Histogram::default();
        (1..=100).for_each(|value| histogram.record(value));
        assert_eq!(histogram.quantile(0.5), 50);
        assert_eq!(histogram.quantile(0.99), 99);
        assert_eq!(histogram.quantile(1.0), 100);
        assert_eq!(histogram.quantile(0.0), 1);
        histogram.record(1_000_000);
        assert_eq!(histogram.quantile(1.0), 1_000_000);
        assert_eq!(histogram.max(), 1_000_000);
    }

    #[test]
    fn nothing_has_no_latency() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.99), 0);
        histogram.record(7);
        histogram.clear();
        assert_eq!(histogram.max(), 0);
        assert_eq!(histogram.quantile(0.99), 0);
    }
}
