//! What is reported of a scenario.

use serde::Serialize;

use crate::{load::Outcome, sequence::Faults};

/// One line of the report.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Row {
    /// What was measured.
    pub scenario: String,
    /// Unit of both figures.
    pub unit: &'static str,
    /// Our figure.
    pub ours: f64,
    /// The reference's figure from the same run.
    pub reference: Option<f64>,
    /// Ours to the reference's, where that is what must reach something.
    pub ratio: Option<f64>,
    /// What must be reached.
    pub wanted: String,
    /// Whether it was.
    pub reached: bool,
    /// What was wrong with what receivers heard, ours and the reference's.
    pub faults: Faults,
    /// How late the generator was, p99 of the worst run, milliseconds.
    pub lag_ms: Option<f64>,
    /// Share of its core that the generator used, of the worst run.
    pub busy: Option<f64>,
    /// Share of either core that other programs used, of the worst run.
    pub others: f64,
    /// Whose figure the generator spoiled.
    pub spoiled: Vec<&'static str>,
    /// What our server and the reference used of their core for a delivery, microseconds, in the last run:
    /// what remains comparable when other programs disturb.
    pub cpu_us: [Option<f64>; 2],
    /// Seconds of its core that our server used while it was measured.
    pub server_cpu_s: f64,
    /// The most memory that our server had, MiB.
    pub server_rss_mib: f64,
    /// What else is to be said.
    pub notes: Vec<String>,
}

impl Row {
    /// Takes in what came of a run, of us or of the reference.
    pub fn take(&mut self, whose: &'static str, outcome: &Outcome) {
        self.faults.add(outcome.faults);
        let worst = |so_far: Option<f64>, now: f64| Some(so_far.map_or(now, |f| f.max(now)));
        self.lag_ms = worst(self.lag_ms, outcome.lag.as_secs_f64() * 1e3);
        self.busy = worst(self.busy, outcome.busy);
        self.others = self.others.max(outcome.others);
        if outcome.spoiled() {
            self.spoil(whose);
        }
        if let Some(why) = &outcome.broken {
            self.notes.push(format!("{whose}: {why}"));
        }
        let cpu = outcome.cpu_per_delivery().as_secs_f64() * 1e6;
        self.cpu_us[usize::from(whose != OURS)] = Some(cpu);
        if whose == OURS {
            self.server_cpu_s = outcome.server_cpu.as_secs_f64();
            self.memory(outcome.peak);
        }
    }

    /// The generator spoiled a figure.
    pub fn spoil(&mut self, whose: &'static str) {
        if !self.spoiled.contains(&whose) {
            self.spoiled.push(whose);
        }
    }

    /// Takes in how much memory our server had.
    pub fn memory(&mut self, bytes: u64) {
        #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
        let mib = bytes as f64 / 1024.0 / 1024.0;
        self.server_rss_mib = self.server_rss_mib.max(mib);
    }

    /// Decides: the figures are good, and nothing was wrong on the way.
    pub fn decide(&mut self, good: bool) {
        self.reached = good && !self.faults.any();
    }
}

/// Our server.
pub const OURS: &str = "ours";
/// The reference.
pub const REFERENCE: &str = "reference";

/// The middle of several figures; of an even number the lower one.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len().saturating_sub(1) / 2;
    figures.get(middle).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_outlier_does_not_move_the_median() {
        assert_eq!(median(vec![3.0, 100.0, 2.0]), 3.0);
        assert_eq!(median(vec![7.0]), 7.0);
        assert_eq!(median(vec![]), 0.0);
    }

    #[test]
    fn a_fault_is_never_good() {
        let mut row = Row::default();
        row.decide(true);
        assert!(row.reached);
        row.faults.lost = 1;
        row.decide(true);
        assert!(!row.reached);
    }
}
