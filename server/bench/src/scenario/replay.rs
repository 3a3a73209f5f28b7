//! Many come to a channel with a history at once.

use std::time::Duration;

use anyhow::{Context, Result};
use futures::future::join_all;
use serde_json::json;
use tokio::time::timeout;

use super::{Effort, block_on};
use crate::{
    agent::{has, kind},
    chat_server::Settings,
    clock::Clock,
    connection::Connection,
    crowd::{self, Server, Who},
    histogram::Histogram,
    marker::{self, Finder, Marker},
    row::{Row, median},
    sequence::{Faults, Sequence},
};

const JOINERS: usize = 200;
const MESSAGES: u32 = 200;
/// Bytes of each message.
const SIZE: usize = 128;
/// The most that p99 may be, milliseconds.
const WANTED: f64 = 50.0;
/// After this what is missing is lost.
const DEADLINE: Duration = Duration::from_secs(20);

/// p99 from the moment at which all join to a joiner's last replayed message, milliseconds.
pub fn measure(effort: Effort) -> Result<Row> {
    let mut row = Row {
        unit: "ms p99",
        wanted: format!("≤ {WANTED} ms"),
        ..Row::default()
    };
    let times = (0..effort.rounds)
        .map(|_| block_on(join(&mut row)))
        .collect::<Result<_>>()?;
    row.ours = median(times);
    row.decide(row.ours <= WANTED);
    Ok(row)
}

async fn join(row: &mut Row) -> Result<f64> {
    let server = Server::start(Who::Ours, Settings::default())?;
    let mut agents = crowd::known(&server.dial()?, JOINERS + 1).await?;
    let mut author = agents.pop().context("nobody came")?;
    let channel = crowd::name(0);
    author.create(&channel).await?;
    write(&mut author, &channel).await?;
    for agent in &mut agents {
        agent.settle().await?;
    }

    let before = server.program().usage()?;
    let (clock, finder) = (Clock::start(), Finder::default());
    for agent in &mut agents {
        agent.say(&json!({"type": "JOIN", "channel": channel}));
    }
    let read = agents.iter_mut().map(|agent| read(agent, clock, &finder));
    let mut latency = Histogram::default();
    for ended in join_all(read).await {
        let (took, faults) = ended?;
        latency.record(took);
        row.faults.add(faults);
    }
    let after = server.program().usage()?;
    row.memory(after.peak);
    row.server_cpu_s = (after.cpu - before.cpu).as_secs_f64();
    Ok(Duration::from_nanos(latency.quantile(0.99)).as_secs_f64() * 1e3)
}

/// Makes the history.
async fn write(author: &mut Connection, channel: &str) -> Result<()> {
    let (mut text, finder) = (vec![], Finder::default());
    for number in 0..MESSAGES {
        let message = Marker {
            sender: 0,
            number,
            sent_ns: 0,
        };
        marker::say(&mut text, channel, message, SIZE);
        author.out.say(&text);
    }
    let last = |frame: &[u8]| finder.find(frame).filter(|m| m.number + 1 == MESSAGES);
    author.until(last).await.map(drop)
}

/// Reads the history to its end: when that was, and what was wrong with it.
async fn read(agent: &mut Connection, clock: Clock, finder: &Finder) -> Result<(u64, Faults)> {
    let (mut sequence, error) = (Sequence::new(0, 1), kind("ERROR"));
    let mut came = 0;
    let all = agent.until(|frame| match finder.find(frame) {
        Some(message) => {
            came += u32::from(sequence.hear(message.sender, message.number));
            (came == MESSAGES).then_some(Ok(()))
        }
        None if has(frame, &error) => Some(Err(String::from_utf8_lossy(frame).into_owned())),
        None => None,
    });
    // What is missing by then is counted.
    if let Ok(ended) = timeout(DEADLINE, all).await {
        ended?.map_err(|refusal| anyhow::anyhow!(refusal))?;
    }
    let now = clock.now_ns();
    Ok((now, sequence.faults(|_| MESSAGES)))
}
