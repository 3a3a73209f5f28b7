//! Many small channels: the highest rate that keeps nobody waiting.

use std::time::Duration;

use anyhow::{Result, bail};

use super::{Effort, block_on};
use crate::{
    chat_server::Settings,
    connection::Connection,
    crowd::{self, Server, Who},
    load::{self, Load, Outcome, Pace},
    row::{OURS, REFERENCE, Row, median},
};

const CHANNELS: usize = 250;
const MEMBERS: usize = 4;
/// What p99 must stay below, from the intended sending to the delivery.
const P99: Duration = Duration::from_millis(50);
/// Share of the rate that must be delivered while it counts.
const DELIVERED: f64 = 0.98;
/// Messages a second to begin with.
const FIRST: f64 = 4000.0;
/// Halvings between what went well and what did not: the figure is at most 2 % too low.
const HALVINGS: u32 = 5;
/// A rate goes well when one of so many runs does: a machine that others use too has its moments.
const TRIES: u32 = 3;
/// The reference's rate that must be reached.
const WANTED: f64 = 0.9;

/// Everybody talks; deliveries in a second. Both are searched for at the same time, a run of one after a run of the
/// other until one is found: a machine that others use too is not the same a minute later. Every run has a server of its
/// own; at a rate that matters ours begins to settle its journal before anything counts.
pub fn measure(effort: Effort) -> Result<Row> {
    let mut row = Row {
        unit: "deliveries/s",
        wanted: format!("≥ {WANTED:.2} ×"),
        ..Row::default()
    };
    let (mut ours, mut reference, mut ratios) = (vec![], vec![], vec![]);
    for _ in 0..effort.rounds {
        let mut hub = Search::new(Who::Hub, REFERENCE);
        let mut server = Search::new(Who::Ours, OURS);
        while !(hub.is_done() && server.is_done()) {
            for search in [&mut hub, &mut server] {
                if !search.is_done() {
                    block_on(search.go_on(effort, &mut row))?;
                }
            }
        }
        let (hub, server) = (hub.found()?, server.found()?);
        ratios.push(server / hub);
        ours.push(server);
        reference.push(hub);
    }
    if effort.rounds > 1 {
        let each: Vec<_> = ratios.iter().map(|ratio| format!("{ratio:.2}")).collect();
        row.notes
            .push(format!("ratio of each round: {}", each.join(", ")));
    }
    let ratio = median(ratios);
    row.ours = median(ours);
    row.reference = Some(median(reference));
    row.ratio = Some(ratio);
    #[expect(clippy::cast_precision_loss, reason = "a few channels")]
    let rate = row.ours / MEMBERS as f64 / 2.0;
    let durable = block_on(durable(effort, rate, &mut row))?;
    row.decide(ratio >= WANTED && durable);
    Ok(row)
}

/// Looks for the highest rate that goes well: goes up in steps, then halves the distance between what went well and
/// what did not.
struct Search {
    who: Who,
    whose: &'static str,
    /// Messages a second that are tried next.
    rate: f64,
    /// How often they were.
    tries: u32,
    good: f64,
    bad: Option<f64>,
    halvings: u32,
}

impl Search {
    fn new(who: Who, whose: &'static str) -> Self {
        Self {
            who,
            whose,
            rate: FIRST,
            tries: 0,
            good: 0.0,
            bad: None,
            halvings: 0,
        }
    }

    fn is_done(&self) -> bool {
        self.halvings == HALVINGS
    }

    /// One run, with a server that has just started.
    async fn go_on(&mut self, effort: Effort, row: &mut Row) -> Result<()> {
        let outcome = Stage::start(self.who).await?.run(self.rate, effort).await?;
        self.tries += 1;
        let well = went_well(&outcome, self.rate);
        if well || outcome.faults.is_confused() {
            // Too much is no excuse for that.
            row.take(self.whose, &outcome);
        }
        match well {
            true => self.good = self.rate,
            false if self.tries < TRIES => return Ok(()),
            false => {
                self.bad = Some(self.rate);
                if outcome.spoiled() {
                    row.spoil(self.whose);
                }
            }
        }
        self.tries = 0;
        self.rate = match self.bad {
            None => self.rate * 2.0,
            Some(bad) => {
                self.halvings += 1;
                (self.good.max(bad / 16.0) * bad).sqrt()
            }
        };
        Ok(())
    }

    /// Deliveries a second at the highest rate.
    fn found(&self) -> Result<f64> {
        if self.good == 0.0 {
            bail!(
                "{}: not even {:.0} messages a second went well",
                self.whose,
                self.rate
            );
        }
        #[expect(clippy::cast_precision_loss, reason = "a few members")]
        let deliveries = self.good * MEMBERS as f64;
        Ok(deliveries)
    }
}

fn went_well(outcome: &Outcome, rate: f64) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "a few members")]
    let offered = rate * MEMBERS as f64;
    !outcome.faults.any()
        && outcome.quantile(0.99) < P99
        && outcome.deliveries >= DELIVERED * offered
}

/// A server with everybody in place.
struct Stage {
    server: Server,
    crowd: Vec<Vec<Connection>>,
}

impl Stage {
    async fn start(who: Who) -> Result<Self> {
        let server = Server::start(who, Settings::default())?;
        let crowd = server.gather(&server.dial()?, &[MEMBERS; CHANNELS]).await?;
        Ok(Self { server, crowd })
    }

    async fn run(&mut self, rate: f64, effort: Effort) -> Result<Outcome> {
        load::run(load(rate, effort), &mut self.crowd, self.server.program()).await
    }
}

fn load(rate: f64, effort: Effort) -> Load {
    Load {
        senders: MEMBERS,
        size: 128,
        pace: Pace::Open(rate),
        warm_up: Effort::WARM_UP,
        measured: effort.measured,
    }
}

/// Kills our server in the midst of a run: whatever anybody heard must be there when it is up again.
async fn durable(effort: Effort, rate: f64, row: &mut Row) -> Result<bool> {
    let Stage { server, crowd } = Stage::start(Who::Ours).await?;
    let Server::Ours(mut server) = server else {
        bail!("the hub stores nothing");
    };
    let heard = load::until_killed(load(rate, effort), crowd, &mut server.program).await?;
    let server = Server::Ours(server.kill_and_restart()?);
    let mut agents = crowd::known(&server.dial()?, 1).await?;
    let (mut stored, mut missing) = (0, 0);
    for agent in &mut agents {
        for (index, &heard) in heard.iter().enumerate() {
            let joined = agent.join(&crowd::name(index)).await?;
            let offset = joined["offset"].as_u64().unwrap_or(0);
            stored += offset;
            missing += heard.saturating_sub(offset);
        }
    }
    let heard: u64 = heard.iter().sum();
    row.notes.push(format!(
        "killed in the midst of a run: {heard} messages heard, {stored} stored, {missing} missing"
    ));
    Ok(missing == 0 && heard > 0)
}
