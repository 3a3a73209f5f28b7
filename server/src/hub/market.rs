//! The marketplace: its requests go to it, and what comes of them happens here.

use std::collections::HashMap;

use agentchat_market::{Actor, Effect, Host, Market, NoRandom, Present, Request, TYPES};
use agentchat_store::{Store, StoreError};
use ring::rand::{SecureRandom, SystemRandom};
use rustc_hash::FxHashMap;
use serde_json::json;
use tokio::time::{Duration, Instant};

use super::{Hub, peer::Peer, storage::storage};
use crate::{
    frame::{Refusal, make, now_ms},
    outbox::OutboundFrame,
    redact::Redactor,
    settings::Settings,
    wire::Encoded,
};

/// Whether a message is of the marketplace.
pub fn knows(type_: &str) -> bool {
    TYPES.contains(&type_)
}

/// The marketplace as storage has it.
pub fn restore(settings: &Settings, store: &Store) -> Result<Market, StoreError> {
    let market = Market::restore(settings.market.clone(), store.market()?);
    Ok(market.on(store.server_id()?))
}

/// The hub, as the marketplace sees it.
struct Around<'a> {
    peers: &'a FxHashMap<u64, Box<Peer>>,
    agents: &'a HashMap<String, u64>,
    redactor: &'a Redactor,
    random: &'a SystemRandom,
}

impl Host for Around<'_> {
    fn is_online(&self, agent: &str) -> bool {
        let id = agent.strip_prefix('@');
        id.is_some_and(|id| self.agents.contains_key(id))
    }

    /// Numbers of connections grow.
    fn present(&self) -> Vec<Present> {
        let mut connections: Vec<&u64> = self.agents.values().collect();
        connections.sort_unstable();
        let agents = connections
            .into_iter()
            .filter_map(|id| self.peers.get(id)?.agent());
        let present = agents.map(|agent| Present {
            id: agent.at(),
            keyed: agent.pubkey.is_some(),
            available: !matches!(agent.presence.as_str(), "away" | "offline"),
        });
        present.collect()
    }

    fn redact(&self, text: &str) -> String {
        self.redactor.redact(text).into_owned()
    }

    fn random(&mut self, bytes: &mut [u8]) -> Result<(), NoRandom> {
        self.random.fill(bytes).map_err(|_| NoRandom)
    }
}

impl Hub {
    /// Carries out a message of the marketplace; `text` is the frame as it came, since signatures cover the order of
    /// its keys.
    pub(super) fn trade(&mut self, id: u64, text: &str) -> Result<(), Refusal> {
        let refused = |refusal: agentchat_market::Refusal| (refusal.code.as_str(), refusal.text);
        let request = Request::parse(text, self.market.limits()).map_err(refused)?;
        let actor = self.agent(id).ok().map(|agent| Actor {
            id: agent.at(),
            pubkey: agent.pubkey.clone(),
            lurking: self.lurks(agent),
        });
        let mut around = Around {
            peers: &self.peers,
            agents: &self.agents,
            redactor: &self.redactor,
            random: &self.random,
        };
        let done = self
            .market
            .handle(now_ms(), actor.as_ref(), request, &mut around);
        self.happen(done.map_err(refused)?)
    }

    /// Does what time has brought about in the marketplace.
    pub(super) fn trade_goes_on(&mut self) {
        let now = now_ms();
        if self.disk.is_full() {
            return;
        }
        if self.market.next_wake().is_some_and(|at| at <= now) {
            let effects = self.market.tick(now);
            if let Err((_, why)) = self.happen(effects) {
                tracing::warn!(why, "what was due in the marketplace was not done");
            }
        }
    }

    /// When time brings about the next thing.
    pub(super) fn trade_due(market: &Market) -> Option<Instant> {
        let after = market.next_wake()?.saturating_sub(now_ms()).max(0);
        Some(Instant::now() + Duration::from_millis(after.unsigned_abs()))
    }

    fn happen(&mut self, effects: Vec<Effect>) -> Result<(), Refusal> {
        for effect in effects {
            match effect {
                Effect::Store(record) => self.store.keep(&record).map_err(storage)?,
                Effect::Remove(key) => self.store.discard(&key).map_err(storage)?,
                Effect::Send { to, frame } => {
                    if let Some(id) = to.strip_prefix('@').and_then(|id| self.online(id)) {
                        self.outbound
                            .push(id, OutboundFrame::Text(Encoded::text(&frame)));
                    }
                }
                Effect::Announce {
                    channel,
                    content,
                    kept,
                } => self.proclaim(channel, &content, kept),
                Effect::Hook(event) => self.hooks.push(event),
            }
        }
        Ok(())
    }

    /// Tells those who follow escrows, now that it is true.
    pub(super) fn tell_hooks(&mut self) {
        for event in self.hooks.drain(..) {
            let Some(webhook) = &self.webhook else {
                continue;
            };
            if webhook.try_send(event).is_err() {
                tracing::error!("too many escrow events wait to be posted; one is lost");
            }
        }
    }

    /// Says something in a channel, if there is one.
    fn proclaim(&mut self, channel: &str, content: &str, kept: bool) {
        let Ok(room) = self.room(channel) else {
            return;
        };
        if kept {
            self.announce_in(room, content);
            return;
        }
        let fields =
            json!({"from": "@server", "from_name": "Server", "to": channel, "content": content});
        self.publish(room, &make("MSG", fields), None);
    }
}
