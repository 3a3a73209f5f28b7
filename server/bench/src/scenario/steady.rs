//! A rate that must not keep anybody waiting.

use anyhow::Result;

use super::{Effort, block_on};
use crate::{
    chat_server::Settings,
    crowd::{Server, Who},
    load::{self, Load, Outcome, Pace},
    row::{OURS, REFERENCE, Row, median},
};

const RECEIVERS: u32 = 1000;
/// Over all receivers, in a second.
const DELIVERIES: f64 = 50_000.0;
/// The most that p99 may be, milliseconds.
const WANTED: f64 = 40.0;

/// p99 from the intended sending to the delivery. The reference's is shown for orientation.
pub fn measure(effort: Effort) -> Result<Row> {
    let mut row = Row {
        unit: "ms p99",
        wanted: format!("≤ {WANTED} ms"),
        ..Row::default()
    };
    let (mut ours, mut reference) = (vec![], vec![]);
    for _ in 0..effort.rounds {
        for (who, whose, figures) in [
            (Who::Hub, REFERENCE, &mut reference),
            (Who::Ours, OURS, &mut ours),
        ] {
            let outcome = block_on(run(who, effort))?;
            row.take(whose, &outcome);
            figures.push(outcome.quantile(0.99).as_secs_f64() * 1e3);
        }
    }
    row.ours = median(ours);
    row.reference = Some(median(reference));
    row.decide(row.ours <= WANTED);
    Ok(row)
}

async fn run(who: Who, effort: Effort) -> Result<Outcome> {
    let server = Server::start(who, Settings::default())?;
    let mut crowd = server
        .gather(&server.dial()?, &[RECEIVERS as usize])
        .await?;
    let load = Load {
        senders: 4,
        size: 128,
        pace: Pace::Open(DELIVERIES / f64::from(RECEIVERS)),
        warm_up: Effort::WARM_UP,
        measured: effort.measured,
    };
    load::run(load, &mut crowd, server.program()).await
}
