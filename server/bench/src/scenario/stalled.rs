//! Some do not read: nobody else may notice, and what waits for them is bounded.

use anyhow::Result;

use super::{Effort, block_on};
use crate::{
    chat_server::Settings,
    crowd::{Server, Who},
    load::{self, Load, Outcome, Pace},
    row::{OURS, REFERENCE, Row, median},
};

const READERS: usize = 100;
const STALLED: usize = 50;
/// Bytes that may wait for one of them.
const QUEUE: usize = 1024 * 1024;
/// Rate of the others, to that without the stalled ones: the same, but for what two runs differ by.
const WANTED: f64 = 0.95;

/// Deliveries in a second to those who read, with and without those who do not. The stalled ones stall from
/// the beginning, and that counts.
pub fn measure(effort: Effort) -> Result<Row> {
    let mut row = Row {
        unit: "deliveries/s",
        wanted: format!("≥ {WANTED:.2} ×"),
        ..Row::default()
    };
    let (mut ours, mut reference, mut ratios, mut grown) = (vec![], vec![], vec![], 0);
    for _ in 0..effort.rounds {
        let without = block_on(run(effort, 0))?;
        let with = block_on(run(effort, STALLED))?;
        row.take(REFERENCE, &without);
        row.take(OURS, &with);
        grown = grown.max(with.peak.saturating_sub(without.peak));
        ratios.push(with.deliveries / without.deliveries);
        ours.push(with.deliveries);
        reference.push(without.deliveries);
    }
    let (ratio, allowed) = (median(ratios), (STALLED * QUEUE) as u64);
    row.ours = median(ours);
    row.reference = Some(median(reference));
    row.ratio = Some(ratio);
    row.notes.push(format!(
        "the reference is our server without them; with them it had {} MiB more, and may have {}",
        grown >> 20,
        allowed >> 20,
    ));
    row.decide(ratio >= WANTED && grown <= allowed);
    Ok(row)
}

async fn run(effort: Effort, stalled: usize) -> Result<Outcome> {
    let settings = Settings {
        queue_bytes: Some(QUEUE),
        ..Settings::default()
    };
    let server = Server::start(Who::Ours, settings)?;
    let dial = server.dial()?.small_from(READERS);
    let mut crowd = server.gather(&dial, &[READERS + stalled]).await?;
    // Not closed: they are there, and do not read.
    let _stalled: Vec<_> = crowd.iter_mut().map(|all| all.split_off(READERS)).collect();
    let load = Load {
        senders: 4,
        size: 128,
        pace: Pace::Closed(1),
        warm_up: std::time::Duration::ZERO,
        measured: effort.measured,
    };
    load::run(load, &mut crowd, server.program()).await
}
