//! One channel with many receivers, a few of which talk as fast as they hear themselves.

use anyhow::Result;

use super::{Effort, block_on};
use crate::{
    chat_server::Settings,
    crowd::{Server, Who},
    load::{self, Load, Outcome, Pace},
    row::{OURS, REFERENCE, Row, median},
};

/// Those who talk.
const SENDERS: usize = 4;

/// 1,000 receivers, 128 bytes.
pub fn thousand(effort: Effort) -> Result<Row> {
    compare(effort, 1000, 128, 1.0)
}

/// 1,000 receivers, 2 KiB.
pub fn large(effort: Effort) -> Result<Row> {
    compare(effort, 1000, 2048, 0.95)
}

/// 100 receivers, 128 bytes.
pub fn hundred(effort: Effort) -> Result<Row> {
    compare(effort, 100, 128, 0.95)
}

fn compare(effort: Effort, receivers: usize, size: usize, wanted: f64) -> Result<Row> {
    let mut row = Row {
        unit: "deliveries/s",
        wanted: format!("≥ {wanted:.2} ×"),
        ..Row::default()
    };
    let (mut ours, mut reference, mut ratios) = (vec![], vec![], vec![]);
    for _ in 0..effort.rounds {
        let hub = block_on(run(Who::Hub, effort, receivers, size))?;
        let server = block_on(run(Who::Ours, effort, receivers, size))?;
        row.take(REFERENCE, &hub);
        row.take(OURS, &server);
        ratios.push(server.deliveries / hub.deliveries);
        ours.push(server.deliveries);
        reference.push(hub.deliveries);
    }
    let ratio = median(ratios);
    row.ours = median(ours);
    row.reference = Some(median(reference));
    row.ratio = Some(ratio);
    row.decide(ratio >= wanted);
    Ok(row)
}

async fn run(who: Who, effort: Effort, receivers: usize, size: usize) -> Result<Outcome> {
    let server = Server::start(who, Settings::default())?;
    let mut crowd = server.gather(&server.dial()?, &[receivers]).await?;
    let load = Load {
        senders: SENDERS,
        size,
        pace: Pace::Closed(1),
        warm_up: Effort::WARM_UP,
        measured: effort.measured,
    };
    load::run(load, &mut crowd, server.program()).await
}
