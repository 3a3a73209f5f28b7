//! A connection, and who is behind it.

use std::{collections::BTreeSet, net::IpAddr};

use serde_json::json;

use super::{
    Hub,
    agent::Agent,
    allowance::Spent,
    handshake::Stage,
    replay::Replays,
    timers::{Due, What},
};
use crate::{frame::Refusal, inbox::From, outbox::Outbox};

/// One connection.
pub struct Peer {
    pub outbox: Outbox,
    pub from: From,
    /// When it was made, Unix milliseconds.
    pub since: i64,
    pub spent: Spent,
    /// Wrong admin keys that it gave.
    pub wrong_keys: u32,
    pub stage: Stage,
    /// The rooms it is in.
    pub rooms: BTreeSet<usize>,
    pub replays: Replays,
}

impl Peer {
    pub fn new(outbox: Outbox, from: From, now: i64) -> Self {
        Self {
            outbox,
            from,
            since: now,
            spent: Spent::default(),
            wrong_keys: 0,
            stage: Stage::Open,
            rooms: BTreeSet::new(),
            replays: Replays::default(),
        }
    }

    pub fn agent(&self) -> Option<&Agent> {
        match &self.stage {
            Stage::In(agent) => Some(agent),
            _ => None,
        }
    }
}

impl Hub {
    /// A connection stands.
    pub(super) fn open(&mut self, id: u64, peer: Peer) {
        let address = peer.from.address;
        let fields = json!({"connection": id, "ip": address.to_string()});
        self.audit("connection", fields);
        self.peers.insert(id, Box::new(peer));
        let due = Due {
            id,
            ticket: 0,
            what: What::Unidentified,
        };
        self.timers.set(self.settings.limits.unidentified, due);
        let count = self.addresses.entry(address).or_default();
        *count += 1;
        let count = *count;
        let most = self.settings.limits.connections_per_address;
        if most > 0 && count > most {
            self.audit("ip_connection_limit", json!({"ip": address.to_string()}));
            self.close(id, 1008, "Too many connections from this IP");
        }
    }

    /// A connection has had its time to say who it is.
    pub(super) fn unidentified(&mut self, due: Due) {
        let peer = self.peers.get(&due.id);
        if peer.is_some_and(|peer| peer.agent().is_none()) {
            self.close(due.id, 1008, "Identify in time");
        }
    }

    /// A connection of an address is gone.
    pub(super) fn release_address(&mut self, address: IpAddr) {
        if let Some(count) = self.addresses.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                self.addresses.remove(&address);
            }
        }
    }

    /// Who is behind a connection, or `AUTH_REQUIRED`.
    pub(super) fn agent(&self, id: u64) -> Result<&Agent, Refusal> {
        let agent = self.peers.get(&id).and_then(|peer| peer.agent());
        agent.ok_or_else(unidentified)
    }

    pub(super) fn agent_mut(&mut self, id: u64) -> Result<&mut Agent, Refusal> {
        match self.peers.get_mut(&id).map(|peer| &mut peer.stage) {
            Some(Stage::In(agent)) => Ok(agent),
            _ => Err(unidentified()),
        }
    }

    /// The connection behind which an agent is.
    pub(super) fn online(&self, agent_id: &str) -> Option<u64> {
        self.agents.get(agent_id).copied()
    }

    /// The connection behind which an agent is, and the agent; `AGENT_NOT_FOUND` when it is not here.
    pub(super) fn present(&self, agent_id: &str) -> Result<(u64, &Agent), Refusal> {
        let found = self
            .online(agent_id)
            .and_then(|id| Some((id, self.agent(id).ok()?)));
        found.ok_or_else(|| {
            let text = format!("@{agent_id} is not here");
            ("AGENT_NOT_FOUND", text)
        })
    }

    /// Everybody who shares a room with a connection, but not itself.
    pub(super) fn neighbours(&self, id: u64) -> BTreeSet<u64> {
        let rooms = self.peers.get(&id).map(|peer| &peer.rooms);
        let rooms = rooms.into_iter().flatten();
        let mut all: BTreeSet<u64> = rooms
            .flat_map(|room| self.rooms[*room].members.iter().copied())
            .collect();
        all.remove(&id);
        all
    }
}

fn unidentified() -> Refusal {
    let text = "identify yourself first, with IDENTIFY";
    ("AUTH_REQUIRED", text.to_owned())
}
