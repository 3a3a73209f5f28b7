//! What an agent costs that says nothing.

use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;

use super::{Effort, block_on};
use crate::{
    chat_server::Settings,
    crowd::{Server, Who},
    row::Row,
};

/// In as many channels as make the arrival of ten thousand affordable; a member costs the same in each.
const CHANNELS: usize = 100;
const MEMBERS: usize = 100;
/// From the last arrival to the look at the memory: what was said of it is out.
const SETTLED: Duration = Duration::from_secs(2);

/// Plain WebSocket.
pub fn plain(_: Effort) -> Result<Row> {
    let hub = block_on(each(Who::Hub, false, &mut Row::default()))?;
    let mut row = measure(false, 10.0)?;
    row.reference = Some(hub);
    Ok(row)
}

/// Over TLS.
pub fn tls(_: Effort) -> Result<Row> {
    measure(true, 25.0)
}

fn measure(tls: bool, wanted: f64) -> Result<Row> {
    let mut row = Row {
        unit: "KiB each",
        wanted: format!("≤ {wanted} KiB"),
        ..Row::default()
    };
    row.ours = block_on(each(Who::Ours, tls, &mut row))?;
    row.decide(row.ours <= wanted);
    Ok(row)
}

/// Memory to each agent, KiB: against the server before anybody came.
async fn each(who: Who, tls: bool, row: &mut Row) -> Result<f64> {
    let settings = Settings {
        tls,
        ..Settings::default()
    };
    let server = Server::start(who, settings)?;
    let before = server.program().usage()?;
    let crowd = server.gather(&server.dial()?, &[MEMBERS; CHANNELS]).await?;
    sleep(SETTLED).await;
    let after = server.program().usage()?;
    let agents: usize = crowd.iter().map(Vec::len).sum();
    row.memory(after.peak);
    row.server_cpu_s = (after.cpu - before.cpu).as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
    let kib = after.rss.saturating_sub(before.rss) as f64 / agents as f64 / 1024.0;
    Ok(kib)
}
