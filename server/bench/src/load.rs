//! One run: a crowd, some of which talk, and what came of it.
//!
//! Closed loop: a sender says the next when it hears the last. Open loop: messages have intended times on a
//! fixed schedule and their latency counts from those, so that a server which stalls the sender does not
//! hide its own slowness (no coordinated omission).

mod member;
mod pacer;
mod shared;

use std::{rc::Rc, time::Duration};

use anyhow::Result;
use tokio::{
    task::{JoinHandle, LocalSet, spawn_local},
    time::sleep,
};

use self::{
    member::Member,
    shared::{Sender, Shared},
};
use crate::{
    connection::Connection,
    crowd,
    histogram::Histogram,
    machine::{GENERATOR, SERVER, Usage, worked},
    program::Program,
    sequence::{Faults, Sequence},
};

/// How long after the last delivery nothing more is expected.
const QUIET: Duration = Duration::from_secs(2);
/// How long the rest of a run may take to arrive.
const DRAIN: Duration = Duration::from_secs(15);
/// The most that the generator may lag.
pub const LAG: Duration = Duration::from_millis(10);
/// The most of its core that the generator may need.
const BUSY: f64 = 0.95;

/// How fast senders talk.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// Each has this many messages on their way at all times.
    Closed(u32),
    /// All together, so many messages a second.
    Open(f64),
}

/// What is run.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Senders in each channel: its first members.
    pub senders: usize,
    /// Bytes of content.
    pub size: usize,
    /// How fast.
    pub pace: Pace,
    /// Before anything counts.
    pub warm_up: Duration,
    /// What counts.
    pub measured: Duration,
}

/// What came of it.
pub struct Outcome {
    /// Messages delivered in a second, over all receivers.
    pub deliveries: f64,
    /// How long was measured.
    pub took: Duration,
    /// From the intended or actual sending to the delivery, nanoseconds.
    pub latency: Histogram,
    /// What was lost, repeated, reordered, or heard by the wrong ones.
    pub faults: Faults,
    /// How late the generator was, p99.
    pub lag: Duration,
    /// Share of its core that the generator used.
    pub busy: f64,
    /// Share of both cores that others used, of the one that they used more.
    pub others: f64,
    /// What the server used of its core while it was measured.
    pub server_cpu: Duration,
    /// The most memory that the server had so far, bytes.
    pub peak: u64,
    /// Why a connection ended, if one did.
    pub broken: Option<String>,
}

impl Outcome {
    /// What the server used of its core for a delivery.
    pub fn cpu_per_delivery(&self) -> Duration {
        let deliveries = self.deliveries * self.took.as_secs_f64();
        match deliveries > 0.0 {
            true => self.server_cpu.div_f64(deliveries),
            false => Duration::ZERO,
        }
    }

    /// Whether the generator was too slow for the run to mean anything.
    pub fn spoiled(&self) -> bool {
        self.lag > LAG || self.busy > BUSY
    }

    /// A quantile of the latency.
    pub fn quantile(&self, share: f64) -> Duration {
        Duration::from_nanos(self.latency.quantile(share))
    }
}

/// Runs it. The crowd can be used again when nothing was wrong.
pub async fn run(
    load: Load,
    crowd: &mut Vec<Vec<Connection>>,
    server: &Program,
) -> Result<Outcome> {
    let (shared, members) = prepare(load, std::mem::take(crowd));
    let tasks = LocalSet::new();
    let outcome = tasks
        .run_until(measure(load, shared, &members, server))
        .await;
    drop(tasks);
    for member in members.into_iter().filter_map(Rc::into_inner) {
        crowd.resize_with(crowd.len().max(member.channel + 1), Vec::new);
        crowd[member.channel].push(member.into_connection());
    }
    outcome
}

/// Kills the server in the midst of a run: how many messages were heard in each channel.
pub async fn until_killed(
    load: Load,
    crowd: Vec<Vec<Connection>>,
    server: &mut Program,
) -> Result<Vec<u64>> {
    let (shared, members) = prepare(load, crowd);
    LocalSet::new()
        .run_until(async {
            let (listening, pace) = start(load, &shared, &members);
            sleep(load.measured).await;
            server.kill()?;
            futures::future::join_all(listening).await;
            pace.abort();
            Ok(heard(&members))
        })
        .await
}

/// Gives every member its part.
fn prepare(load: Load, crowd: Vec<Vec<Connection>>) -> (Rc<Shared>, Vec<Rc<Member>>) {
    let (mut senders, mut members) = (vec![], vec![]);
    for (index, channel) in crowd.into_iter().enumerate() {
        let first = number(senders.len());
        let talking = load.senders.min(channel.len());
        let hearers = number(channel.len());
        let name: Rc<str> = crowd::name(index).into();
        senders.extend((0..talking).map(|_| Sender::new(name.clone(), hearers)));
        for (position, connection) in channel.into_iter().enumerate() {
            let sender = (position < talking).then(|| first + number(position));
            let sequence = Sequence::new(first, number(talking));
            members.push(Member::new(connection, sequence, index, sender));
        }
    }
    let window = match load.pace {
        Pace::Closed(window) => Some(window),
        Pace::Open(_) => None,
    };
    let shared = Shared::new(senders, load.size, window);
    (Rc::new(shared), members.into_iter().map(Rc::new).collect())
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Everybody listens, and those who talk begin.
fn start(
    load: Load,
    shared: &Rc<Shared>,
    members: &[Rc<Member>],
) -> (Vec<JoinHandle<()>>, JoinHandle<()>) {
    let listen = |member: &Rc<Member>| spawn_local(member.clone().listen(shared.clone()));
    let listening = members.iter().map(listen).collect();
    let talking = members.iter().filter(|member| member.sender.is_some());
    let pace = match load.pace {
        Pace::Closed(_) => {
            talking.for_each(|member| member.begin(shared));
            spawn_local(pacer::watch(shared.clone()))
        }
        Pace::Open(rate) => spawn_local(pacer::talk(
            shared.clone(),
            talking.cloned().collect(),
            rate,
        )),
    };
    (listening, pace)
}

async fn measure(
    load: Load,
    shared: Rc<Shared>,
    members: &[Rc<Member>],
    server: &Program,
) -> Result<Outcome> {
    let (_, pace) = start(load, &shared, members);
    sleep(load.warm_up).await;
    let before = Look::at(server)?;
    let began = shared.count();
    sleep(load.measured).await;
    let (deliveries, took) = shared.stop_counting(began);
    let after = Look::at(server)?;
    pace.await?;
    drain(&shared).await;
    let mut faults = Faults::default();
    for member in members {
        faults.add(member.faults(&shared));
    }
    #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
    let deliveries = deliveries as f64 / took.as_secs_f64();
    Ok(Outcome {
        deliveries,
        took,
        latency: shared.latency.take(),
        faults,
        lag: Duration::from_nanos(shared.lag.borrow().quantile(0.99)),
        busy: (after.ours - before.ours).as_secs_f64() / took.as_secs_f64(),
        others: after.others_since(&before).as_secs_f64() / took.as_secs_f64(),
        server_cpu: after.server.cpu - before.server.cpu,
        peak: after.server.peak,
        broken: shared.broken.take(),
    })
}

/// What was used until a moment.
struct Look {
    server: Usage,
    ours: Duration,
    cores: [Duration; 2],
}

impl Look {
    fn at(server: &Program) -> Result<Self> {
        Ok(Self {
            server: server.usage()?,
            ours: Usage::ours()?.cpu,
            cores: [worked(SERVER)?, worked(GENERATOR).unwrap_or_default()],
        })
    }

    /// What others used of the core that they used more.
    fn others_since(&self, before: &Self) -> Duration {
        let measured = [self.server.cpu - before.server.cpu, self.ours - before.ours];
        let worked = [0, 1].map(|core| self.cores[core] - before.cores[core]);
        let others = worked
            .iter()
            .zip(measured)
            .map(|(worked, by)| worked.saturating_sub(by));
        others.max().unwrap_or_default()
    }
}

/// How many messages were heard in each channel, by whoever heard the most.
fn heard(members: &[Rc<Member>]) -> Vec<u64> {
    let mut heard = vec![];
    for member in members {
        heard.resize(heard.len().max(member.channel + 1), 0);
        heard[member.channel] = heard[member.channel].max(member.came());
    }
    heard
}

/// Waits until everything that was said was heard, or nothing comes any more.
async fn drain(shared: &Shared) {
    let deadline = shared.clock.now_ns() + ns(DRAIN);
    let (mut last, mut since) = (shared.delivered(), shared.clock.now_ns());
    while shared.missing() > 0 {
        sleep(Duration::from_millis(5)).await;
        let (now, delivered) = (shared.clock.now_ns(), shared.delivered());
        if delivered != last {
            (last, since) = (delivered, now);
        }
        if now > since + ns(QUIET) || now > deadline {
            return;
        }
    }
}

fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
