//! The command line.

use std::time::Duration;

use clap::{Parser, ValueEnum};

/// Measures the chat server next to a bare WebSocket hub, server and generator on one core each.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench chat")]
pub struct Args {
    /// What to measure; everything when left out
    #[arg(value_name = "SCENARIO")]
    pub scenarios: Vec<String>,
    /// Seconds that count of each run
    #[arg(long, default_value_t = 5.0, value_name = "N")]
    pub seconds: f64,
    /// Runs of each, alternating with the reference; the median counts
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: u32,
    /// Only say what can be measured
    #[arg(long)]
    pub list: bool,
    /// How the figures are written
    #[arg(short, long, value_enum, default_value = "table")]
    pub output: Output,
}

impl Args {
    /// What counts of each run.
    pub fn measured(&self) -> Duration {
        Duration::try_from_secs_f64(self.seconds).unwrap_or(Duration::from_secs(5))
    }
}

/// How the figures are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    Table,
    /// For programs
    Json,
}
