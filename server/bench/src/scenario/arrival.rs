//! Everybody comes at once, and everybody is told of everybody.

use std::{cell::Cell, rc::Rc, time::Duration};

use anyhow::Result;
use serde_json::json;
use tokio::{
    sync::Notify,
    task::{LocalSet, spawn_local},
    time::timeout,
};

use super::{Effort, block_on};
use crate::{
    chat_server::{Profile, Settings},
    clock::Clock,
    crowd::{Server, Who},
    dial::Dial,
    histogram::Histogram,
    row::{Row, median},
};

const AGENTS: usize = 1000;
/// The most that it may take, seconds.
const WANTED: f64 = 1.0;
/// After this it has failed.
const DEADLINE: Duration = Duration::from_secs(300);

/// From the first connection to the last WELCOME, seconds.
pub fn measure(effort: Effort) -> Result<Row> {
    let mut row = Row {
        unit: "s",
        wanted: format!("≤ {WANTED} s"),
        ..Row::default()
    };
    let times = (0..effort.rounds)
        .map(|_| block_on(arrive(&mut row)))
        .collect::<Result<_>>()?;
    row.ours = median(times);
    row.decide(row.ours <= WANTED);
    Ok(row)
}

/// Who waits for whom.
struct Arrivals {
    clock: Clock,
    welcome: Cell<usize>,
    /// Of each WELCOME, nanoseconds.
    times: std::cell::RefCell<Histogram>,
    done: Notify,
    failed: Cell<Option<anyhow::Error>>,
}

async fn arrive(row: &mut Row) -> Result<f64> {
    let settings = Settings {
        profile: Profile::Public,
        ..Settings::default()
    };
    let server = Server::start(Who::Ours, settings)?;
    let dial = server.dial()?;
    let before = server.program().usage()?;
    let arrivals = Rc::new(Arrivals {
        clock: Clock::start(),
        welcome: Cell::new(0),
        times: std::cell::RefCell::default(),
        done: Notify::new(),
        failed: Cell::new(None),
    });
    let tasks = LocalSet::new();
    let all = tasks.run_until(async {
        for index in 0..AGENTS {
            let (dial, arrivals) = (dial.clone(), arrivals.clone());
            spawn_local(async move {
                if let Err(error) = come(index, &dial, &arrivals).await {
                    arrivals.failed.set(Some(error));
                    arrivals.done.notify_one();
                }
            });
        }
        arrivals.done.notified().await;
    });
    timeout(DEADLINE, all).await?;
    if let Some(error) = arrivals.failed.take() {
        return Err(error);
    }
    let after = server.program().usage()?;
    row.memory(after.peak);
    row.server_cpu_s = (after.cpu - before.cpu).as_secs_f64();
    let last = Duration::from_nanos(arrivals.times.borrow().max());
    Ok(last.as_secs_f64())
}

/// Comes, and goes on listening, as agents do.
async fn come(index: usize, dial: &Dial, arrivals: &Arrivals) -> Result<()> {
    let mut agent = dial.connect(index, "/").await?;
    agent.say(&json!({"type": "IDENTIFY", "name": format!("bench{index}")}));
    agent.hear("WELCOME").await?;
    let now = arrivals.clock.now_ns();
    arrivals.times.borrow_mut().record(now);
    arrivals.welcome.set(arrivals.welcome.get() + 1);
    if arrivals.welcome.get() == AGENTS {
        arrivals.done.notify_one();
    }
    agent.until(|_| None).await
}
