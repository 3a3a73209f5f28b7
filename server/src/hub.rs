//! The hub: one thread that owns all state, so that every channel has one order.
//!
//! It takes what waits as one batch, in one transaction. Nobody hears of anything before the batch is durable.
//! When storage fails, the batch never happened: everybody is disconnected and what is known is read anew,
//! so that memory and storage can't disagree.

mod admin;
mod allowance;
mod delivery;
mod dispatch;
mod health;
mod identify;
mod membership;
mod message;
mod peer;
mod presence;
mod replay;
mod resume;
mod rooms;
mod takeover;
#[cfg(test)]
mod tests;
mod timers;

use std::collections::HashMap;

use agentchat_store::{Store, StoreError};
use anyhow::Context;
use ring::rand::SystemRandom;
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout_at,
};

use self::{
    health::Began,
    peer::Peer,
    rooms::Room,
    takeover::Takeovers,
    timers::{Timers, What},
};
use crate::{
    args::Args,
    inbox::Command,
    outbox::{Out, Outbox},
};

/// The most commands of a batch.
const BATCH: usize = 1024;

/// All state.
struct Hub {
    store: Store,
    args: Args,
    admin_key: Option<String>,
    random: SystemRandom,
    peers: HashMap<u64, Peer>,
    /// In the order in which they were made.
    rooms: Vec<Room>,
    /// What is to be said once the batch is durable.
    outs: Vec<(u64, Out)>,
    /// Connections that end with this batch: their last words may be among `outs`.
    leaving: HashMap<u64, Outbox>,
    timers: Timers,
    takeovers: Takeovers,
    began: Began,
}

/// Starts the thread; the receiver resolves when it has ended, or failed.
pub fn start(
    store: Store,
    args: Args,
    admin_key: Option<String>,
    queue: mpsc::Receiver<Command>,
) -> anyhow::Result<oneshot::Receiver<anyhow::Result<()>>> {
    let hub = Hub::new(store, args, admin_key)?;
    let (done, ended) = oneshot::channel();
    std::thread::Builder::new()
        .name("hub".into())
        .spawn(move || {
            if done.send(hub.run(queue)).is_err() {
                tracing::debug!("nobody waits for the hub's end");
            }
        })
        .context("the hub thread can't be started")?;
    Ok(ended)
}

impl Hub {
    fn new(store: Store, args: Args, admin_key: Option<String>) -> anyhow::Result<Self> {
        let mut hub = Self {
            rooms: rooms::load(&store)?,
            store,
            args,
            admin_key,
            random: SystemRandom::new(),
            peers: HashMap::new(),
            outs: vec![],
            leaving: HashMap::new(),
            timers: Timers::default(),
            takeovers: Takeovers::default(),
            began: Began::now(),
        };
        hub.default_channels()?;
        Ok(hub)
    }

    /// Works until it is told to stop, or until storage can't even be read.
    fn run(mut self, mut queue: mpsc::Receiver<Command>) -> anyhow::Result<()> {
        let waiting = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .context("the hub has no clock")?;
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let next = match self.timers.next() {
                Some(due) => waiting.block_on(async { timeout_at(due, queue.recv()).await }),
                None => Ok(queue.blocking_recv()),
            };
            match next {
                Ok(Some(command)) => batch.push(command),
                Ok(None) => return Ok(()),
                // Something is due, and nothing came.
                Err(_) => {}
            }
            while batch.len() < BATCH
                && let Ok(command) = queue.try_recv()
            {
                batch.push(command);
            }
            let stop = batch.iter().any(|c| matches!(c, Command::Stop));
            self.batch(batch.drain(..))?;
            if stop {
                return Ok(());
            }
        }
    }

    /// Carries out a batch: all of it is durable before anybody hears of it, or none of it happened.
    fn batch(&mut self, commands: impl Iterator<Item = Command>) -> anyhow::Result<()> {
        self.store.begin().context("no batch can be begun")?;
        for command in commands {
            self.take(command);
        }
        while let Some(due) = self.timers.take() {
            match due.what {
                What::ChallengeExpires => self.expire(due),
                What::ProbeEnds => self.probed(due),
                What::HoldEnds => self.held(due),
            }
        }
        match self.store.commit() {
            Ok(()) => self.deliver(),
            Err(error) => {
                tracing::error!(%error, "storage failed; everybody is disconnected");
                self.start_over().context("storage can't be read")?;
            }
        }
        Ok(())
    }

    fn take(&mut self, command: Command) {
        match command {
            Command::Open { id, outbox } => {
                self.peers.insert(id, Peer::new(outbox));
            }
            Command::Gone { id } => self.remove(id),
            Command::More { id } => self.drained(id),
            Command::Alive { id } => self.alive(id),
            Command::Frame { id, text, share } => {
                self.frame(id, &text);
                drop(share);
            }
            Command::Health { answer } => drop(answer.send(self.health().to_string())),
            Command::Stop => {}
        }
    }

    /// Forgets everything that is not stored.
    fn start_over(&mut self) -> Result<(), StoreError> {
        self.outs.clear();
        let peers = std::mem::take(&mut self.peers).into_values();
        let leaving = std::mem::take(&mut self.leaving).into_values();
        for outbox in peers.map(|peer| peer.outbox).chain(leaving) {
            outbox.cut(1011, "storage failed");
        }
        self.rooms = rooms::load(&self.store)?;
        Ok(())
    }
}
