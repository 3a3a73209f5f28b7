//! The hub: one thread that owns all state, so that every channel has one order.
//!
//! It takes what waits as one batch, in one transaction. Nobody hears of anything before the batch is durable.
//! When storage fails, the batch never happened: everybody is disconnected and what is known is read anew,
//! so that memory and storage can't disagree. Before a disk is full, what would be stored is refused.

mod admin;
mod agent;
mod allowance;
mod batch_window;
mod callbacks;
mod captcha;
mod delivery;
mod direct;
mod disk;
mod dispatch;
mod floor;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz;
mod guesses;
mod handshake;
mod identify;
mod idle;
mod inbound_message;
mod invite;
mod lurk;
mod market;
mod membership;
mod message;
mod moderation;
mod names;
mod notices;
mod outbound_message;
mod peer;
mod presence;
mod random;
mod repeat;
mod replay;
mod resume;
mod retention;
mod rooms;
mod shutdown;
mod status;
mod storage;
mod takeover;
#[cfg(test)]
mod tests;
mod timers;
mod verification;
mod welcome;

use std::{
    cell::RefCell,
    collections::{HashMap, VecDeque},
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use agentchat_market::Market;
use agentchat_store::{Store, StoreError};
use anyhow::Context;
use ring::rand::SystemRandom;
use rustc_hash::FxHashMap;
use serde_json::{Value, json};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout_at,
};

use self::{
    allowance::{Clocks, Past},
    batch_window::BatchWindow,
    callbacks::Callbacks,
    direct::{Coming, Pairs},
    floor::Floor,
    guesses::Guesses,
    notices::Notices,
    peer::Peer,
    replay::Recents,
    rooms::Room,
    status::{Began, Counts},
    takeover::Takeovers,
    timers::{Due, Timers, What},
    verification::Checks,
};
use crate::{
    audit::Audit,
    disk::{Guard, LOOK},
    fanout::{Fanout, OutboundFrames, kept},
    frame::now_ms,
    inbox::{Command, Commands, Question},
    outbox::Outbox,
    read_batching::ReadBatching,
    redact::Redactor,
    settings::Settings,
};

/// So many hear first what was said, before the others do.
const SPEAKERS: usize = 64;
/// How long a crowd's frames are read before a batch, at most.
const READING: Duration = Duration::from_millis(20);
/// The most commands of a batch…
const BATCH: usize = 8192;
/// …and bytes of what one client hears of them, but for the last one. What may wait for it is a bound as well: it may
/// have to be told all of that at once, with the batch before and what the fan-out kept back, and is no slow consumer for
/// that. A third is for what comes of the last ones.
const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// What is due waits so long for what came before it, and is still to be carried out.
const LATE: Duration = Duration::from_secs(1);

/// All state.
struct Hub {
    /// First: it is waited for before the connections are dropped.
    fanout: Fanout,
    store: Store,
    settings: Settings,
    redactor: Redactor,
    random: SystemRandom,
    /// Random bytes that were not used yet.
    pool: RefCell<Vec<u8>>,
    peers: FxHashMap<u64, Box<Peer>>,
    /// The connection of each agent that is in.
    agents: HashMap<String, u64>,
    /// Connections of each address.
    addresses: HashMap<IpAddr, usize>,
    /// Connections that wait for an older session of their agent.
    held: usize,
    /// In the order in which they were made.
    rooms: Vec<Room>,
    /// Where each channel is among the rooms.
    names: foldhash::HashMap<String, usize>,
    /// Keys whose first sight is known.
    seen: usize,
    /// Messages that were remembered since old ones were last forgotten.
    sent: usize,
    motd: Option<String>,
    clocks: Clocks,
    past: Past,
    pairs: Pairs,
    guesses: Guesses,
    coming: Coming,
    callbacks: Callbacks,
    floor: Floor,
    checks: Checks,
    notices: Notices,
    market: Market,
    /// Events of escrows, to be posted once the batch is durable.
    hooks: Vec<String>,
    /// Where they are put, if anybody follows them.
    webhook: Option<mpsc::Sender<String>>,
    /// What is to be said once the batch is durable.
    outbound: OutboundFrames,
    /// The first of those who said something in this batch.
    speakers: Vec<u64>,
    recents: Recents,
    batch_window: BatchWindow,
    /// Connections that end with this batch: their last frames may be among `outbound`, or still with the fan-out.
    leaving: HashMap<u64, Outbox>,
    timers: Timers,
    takeovers: Takeovers,
    began: Began,
    counts: Counts,
    audit: Audit,
    disk: Guard,
    /// Whether it ends after this batch.
    stopping: bool,
}

/// What became of a batch.
struct Batch {
    /// Commands.
    size: usize,
    /// What they took of the room for what waits.
    room: usize,
    /// How long it took to make it durable.
    took: Duration,
}

/// Starts the thread; the receiver resolves when it has ended, or failed.
pub fn start(
    store: Store,
    settings: Settings,
    redactor: Redactor,
    webhook: Option<mpsc::Sender<String>>,
    queue: Commands,
    read_batching: Arc<ReadBatching>,
) -> anyhow::Result<oneshot::Receiver<anyhow::Result<()>>> {
    let mut hub = Hub::new(store, settings, redactor)?;
    hub.webhook = webhook;
    hub.fanout.start(hub.settings.limits.queue_bytes)?;
    let (done, ended) = oneshot::channel();
    std::thread::Builder::new()
        .name("hub".into())
        .spawn(move || {
            let _end = End(&read_batching);
            let ended = hub.run(queue, &read_batching);
            if done.send(ended).is_err() {
                tracing::debug!("nobody waits for the hub's end");
            }
        })
        .context("the hub thread can't be started")?;
    Ok(ended)
}

/// Without the hub nobody waits for the next cycle, whatever has become of it.
struct End<'t>(&'t ReadBatching);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.set_crowd(false);
    }
}

impl Hub {
    fn new(store: Store, settings: Settings, redactor: Redactor) -> anyhow::Result<Self> {
        let (rooms, names) = rooms::load(&store)?;
        let market = market::restore(&settings, &store)?;
        let seen = store.seen_count()?;
        let audit = match &settings.audit {
            Some(path) => Audit::open(path)
                .with_context(|| format!("the audit log {} can't be opened", path.display()))?,
            None => Audit::default(),
        };
        let disk = Guard::new(settings.disk_reserve);
        let mut hub = Self {
            store,
            motd: settings.motd.clone(),
            settings,
            redactor,
            random: SystemRandom::new(),
            pool: RefCell::default(),
            peers: FxHashMap::default(),
            agents: HashMap::new(),
            addresses: HashMap::new(),
            held: 0,
            rooms,
            names,
            seen,
            sent: usize::MAX - 1,
            clocks: Clocks::default(),
            past: Past::default(),
            pairs: Pairs::default(),
            guesses: Guesses::default(),
            coming: Coming::default(),
            callbacks: Callbacks::default(),
            floor: Floor::default(),
            checks: Checks::default(),
            notices: Notices::default(),
            market,
            hooks: vec![],
            webhook: None,
            outbound: OutboundFrames::default(),
            speakers: vec![],
            fanout: Fanout::default(),
            recents: Recents::default(),
            batch_window: BatchWindow::default(),
            leaving: HashMap::new(),
            timers: Timers::default(),
            takeovers: Takeovers::default(),
            began: Began::now(),
            counts: Counts::default(),
            audit,
            disk,
            stopping: false,
        };
        hub.audit(
            "server_start",
            json!({"version": env!("CARGO_PKG_VERSION")}),
        );
        hub.audit.write();
        hub.default_channels()?;
        hub.look_later();
        Ok(hub)
    }

    /// Works until it is told to stop, or until storage can't even be read.
    fn run(mut self, mut queue: Commands, read_batching: &ReadBatching) -> anyhow::Result<()> {
        let waiting = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .context("the hub has no clock")?;
        let mut commands = VecDeque::with_capacity(BATCH);
        let reports = self.fanout.reports().clone();
        loop {
            // One batch may not have been enough for all.
            let left = !commands.is_empty();
            if let Some(next) = self.batch_window.crowd() {
                if !left {
                    std::thread::sleep(next.saturating_duration_since(Instant::now()));
                }
                read_batching.read_cycle(READING);
                // A crowd that has gone is not waited for.
                read_batching.set_crowd(left || queue.len() > 0);
            }
            let notices = self.notices.due(self.settings.limits.notice);
            let trade = match self.disk.is_full() {
                // What is due there waits for room.
                true => Some((Instant::now() + LOOK).into()),
                false => Self::trade_due(&self.market),
            };
            let due = [self.timers.next(), notices, trade]
                .into_iter()
                .flatten()
                .min();
            let came = async {
                tokio::select! {
                    biased;
                    command = queue.recv() => Some(command),
                    () = reports.written() => None,
                }
            };
            let came = waiting.block_on(async {
                match due {
                    _ if left => None,
                    Some(due) => timeout_at(due, came).await.ok().flatten(),
                    None => came.await,
                }
            });
            match came {
                Some(Some(command)) => commands.push_back(command),
                Some(None) => return Ok(()),
                // Something is left, is due or was reported, and nothing came.
                None => {}
            }
            self.gather(&mut commands, &mut queue, left);
            let began = Instant::now();
            let Batch { size, room, took } = self.batch(&mut commands)?;
            queue.done(room);
            let came = commands.len() + queue.len();
            self.batch_window.committed(began, size, came, took);
            read_batching.set_crowd(self.batch_window.crowd().is_some());
            self.deliver()?;
            self.batch_window.delivered(Instant::now());
            if self.stopping {
                return self.say_goodbye();
            }
        }
    }

    /// Takes what is there, and waits a little for what is about to come, unless something is left anyway.
    fn gather(&self, commands: &mut VecDeque<Command>, queue: &mut Commands, left: bool) {
        let (until, expected) = self.batch_window.wait_for(Instant::now());
        loop {
            while commands.len() < BATCH
                && let Some(command) = queue.try_recv()
            {
                commands.push_back(command);
            }
            let time = until.saturating_duration_since(Instant::now());
            let enough = commands.is_empty() || commands.len() >= expected.min(BATCH);
            if left || enough || time.is_zero() {
                return;
            }
            std::thread::sleep(BatchWindow::look(time));
        }
    }

    /// Carries out a batch, the first of these: all of it is durable when this returns, or none of it happened; then it
    /// is to be delivered.
    fn batch(&mut self, commands: &mut VecDeque<Command>) -> anyhow::Result<Batch> {
        let may_wait = self.settings.limits.queue_bytes;
        let most = BATCH_BYTES.min((may_wait - kept(may_wait)) / 3);
        let (mut size, mut room) = (0, 0);
        self.look_at_disk();
        self.store.begin().context("no batch can be begun")?;
        self.trade_goes_on();
        self.take_fanout_reports();
        while !self.stopping
            && !self.outbound.is_enough(most)
            && let Some(command) = commands.pop_front()
        {
            size += 1;
            room += command.room();
            self.take(command);
        }
        let late = match commands.is_empty() {
            true => Duration::ZERO,
            false => LATE,
        };
        while let Some(due) = self.timers.take(late) {
            self.due(due);
        }
        self.tell_notices();
        self.counts.batches += 1;
        let began = Instant::now();
        match self.store.commit() {
            Ok(()) => {
                self.audit.write();
                self.tell_hooks();
            }
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(%error, cause, "storage failed; everybody is disconnected");
                self.counts.failed_batches += 1;
                self.write_failed(&error);
                // What was said before is true, and still to be told.
                self.fanout.finish()?;
                self.start_over().context("storage can't be read")?;
            }
        }
        let took = began.elapsed();
        Ok(Batch { size, room, took })
    }

    fn take(&mut self, command: Command) {
        match command {
            Command::Open { id, outbox, from } => self.open(id, Peer::new(outbox, from, now_ms())),
            Command::Gone { id } => self.remove(id),
            Command::More { id } => self.drained(id),
            Command::Alive { id } => self.alive(id),
            Command::Silent { id } => self.audit("heartbeat_timeout", json!({"connection": id})),
            Command::Frame { id, text } => {
                if self.speakers.len() < SPEAKERS {
                    self.speakers.push(id);
                }
                self.frame(id, &text);
            }
            Command::Ask { question, answer } => {
                let answered = match question {
                    Question::Health => Some(self.health().to_string()),
                    Question::Ready => self.unready(),
                    Question::Metrics => Some(self.metrics()),
                    Question::Connections { key, from } => {
                        let connections = self.connections(key.as_deref(), from);
                        connections.map(|connections| connections.to_string())
                    }
                };
                drop(answer.send(answered));
            }
            Command::Stop => {
                self.stopping = true;
                self.audit("server_stop", json!({}));
            }
        }
    }

    fn due(&mut self, due: Due) {
        match due.what {
            What::ChallengeExpires => self.expire(due),
            What::ProbeEnds => self.probed(due),
            What::HoldEnds => self.hold_ends(due),
            What::QuestionEnds => self.question_ends(due),
            What::CheckEnds => self.check_ends(due),
            What::ClaimEnds => self.claim_ends(due),
            What::Callback => self.call_back(due),
            What::Unidentified => self.unidentified(due),
            What::Maintenance if self.peers.contains_key(&due.id) => {
                self.close(due.id, 1001, "Server maintenance");
            }
            What::Maintenance => {}
            What::Look => self.look(),
        }
    }

    /// Notes who did what.
    fn audit(&mut self, event: &str, fields: Value) {
        self.audit.note(event, now_ms(), &fields);
    }

    /// Forgets everything that is not stored.
    fn start_over(&mut self) -> Result<(), StoreError> {
        self.outbound.clear();
        self.speakers.clear();
        self.recents.clear();
        self.audit.forget();
        self.hooks.clear();
        self.notices.clear();
        self.agents.clear();
        self.addresses.clear();
        self.held = 0;
        self.checks.clear();
        self.callbacks = Callbacks::default();
        self.floor = Floor::default();
        self.coming = Coming::default();
        let peers = std::mem::take(&mut self.peers).into_values();
        let leaving = std::mem::take(&mut self.leaving).into_values();
        for outbox in peers.map(|peer| peer.outbox).chain(leaving) {
            outbox.cut(1011, "storage failed");
        }
        (self.rooms, self.names) = rooms::load(&self.store)?;
        self.seen = self.store.seen_count()?;
        self.market = market::restore(&self.settings, &self.store)?;
        Ok(())
    }
}
