//! What is measured: one file to each kind.

mod arrival;
mod channels;
mod fan_out;
mod idle;
mod replay;
mod stalled;
mod steady;

use std::time::Duration;

use anyhow::{Result, bail};

use crate::row::Row;

/// How long and how often.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// What counts of a run.
    pub measured: Duration,
    /// Runs of each.
    pub rounds: u32,
}

impl Effort {
    /// Before a run counts.
    const WARM_UP: Duration = Duration::from_secs(1);
}

/// Something that can be measured.
pub struct Scenario {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What it is, for people.
    pub about: &'static str,
    measure: fn(Effort) -> Result<Row>,
}

/// Everything that can be measured.
pub const ALL: [Scenario; 10] = [
    Scenario {
        name: "fan-out",
        about: "1 channel, 1,000 receivers, 4 senders closed loop, 128 B",
        measure: fan_out::thousand,
    },
    Scenario {
        name: "fan-out-2k",
        about: "1 channel, 1,000 receivers, 4 senders closed loop, 2 KiB",
        measure: fan_out::large,
    },
    Scenario {
        name: "fan-out-100",
        about: "1 channel, 100 receivers, 4 senders closed loop, 128 B",
        measure: fan_out::hundred,
    },
    Scenario {
        name: "channels",
        about: "250 channels of 4, highest open-loop rate with p99 < 50 ms",
        measure: channels::measure,
    },
    Scenario {
        name: "steady",
        about: "50,000 deliveries/s open loop to 1,000 receivers, p99",
        measure: steady::measure,
    },
    Scenario {
        name: "idle-ws",
        about: "memory to each of 10,000 idle agents, ws",
        measure: idle::plain,
    },
    Scenario {
        name: "idle-wss",
        about: "memory to each of 10,000 idle agents, wss",
        measure: idle::tls,
    },
    Scenario {
        name: "arrival",
        about: "1,000 agents connect at once with auto-join, until all have WELCOME",
        measure: arrival::measure,
    },
    Scenario {
        name: "stalled",
        about: "150 receivers of which 50 do not read, and the same without those",
        measure: stalled::measure,
    },
    Scenario {
        name: "replay",
        about: "200 join at once and are given 200 messages each, p99",
        measure: replay::measure,
    },
];

/// The named ones; all when none is named.
pub fn chosen(names: &[String]) -> Result<Vec<&'static Scenario>> {
    for name in names {
        if !ALL.iter().any(|scenario| scenario.name == name) {
            let all: Vec<_> = ALL.iter().map(|scenario| scenario.name).collect();
            bail!("scenario {name} is not known; there are {}", all.join(", "));
        }
    }
    let wanted =
        |scenario: &&Scenario| names.is_empty() || names.iter().any(|name| name == scenario.name);
    Ok(ALL.iter().filter(wanted).collect())
}

impl Scenario {
    /// Measures it.
    pub fn measure(&self, effort: Effort) -> Result<Row> {
        let row = (self.measure)(effort)?;
        Ok(Row {
            scenario: self.name.to_owned(),
            ..row
        })
    }
}

/// Runs on this thread, which is pinned to the generator's core.
fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(work)
}
