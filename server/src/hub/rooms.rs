//! Channels: which there are, who sees them, and who is in them.

use std::collections::{BTreeSet, HashSet};

use agentchat_store::{Channel, Store, StoreError};
use serde_json::{Map, Value, json};

use super::{Hub, agent::Agent, storage::storage};
use crate::{
    frame::{self, Refusal, invalid, make, now_ms},
    settings::Mode,
};

/// Channels of a fresh public server, in order; `#ops` admits verified agents only.
const PUBLIC: [&str; 9] = [
    "#general",
    "#engineering",
    "#pull-requests",
    "#help",
    "#love",
    "#agents",
    "#discovery",
    "#bounties",
    "#ops",
];

/// A channel with those who are in it.
pub struct Room {
    pub channel: Channel,
    pub members: BTreeSet<u64>,
    /// Members that are reading up, and hear what is said from storage.
    pub reading: BTreeSet<u64>,
    /// Agents that may come into a channel by invitation.
    pub invited: HashSet<String>,
    /// When somebody last said something or joined, Unix milliseconds.
    pub active: i64,
    /// Offset before that of the oldest message that is kept; 0 when that is not known yet.
    pub oldest: u64,
    /// Who made it, when that agent was not verified.
    pub maker: Option<String>,
}

impl Room {
    fn new(channel: Channel) -> Self {
        Self {
            channel,
            members: BTreeSet::new(),
            reading: BTreeSet::new(),
            invited: HashSet::new(),
            active: now_ms(),
            oldest: 0,
            maker: None,
        }
    }

    /// Takes a member out; false when it was not in.
    pub fn leave(&mut self, id: u64) -> bool {
        self.reading.remove(&id);
        self.members.remove(&id)
    }
}

/// Reads the channels: in the order in which they were made, and where each name is.
pub fn load(store: &Store) -> Result<(Vec<Room>, foldhash::HashMap<String, usize>), StoreError> {
    let mut rooms: Vec<_> = store.channels()?.into_iter().map(Room::new).collect();
    let names = rooms.iter().enumerate();
    let names: foldhash::HashMap<_, _> = names
        .map(|(at, room)| (room.channel.name.clone(), at))
        .collect();
    for (channel, agent) in store.invitations()? {
        if let Some(at) = names.get(&channel) {
            rooms[*at].invited.insert(agent);
        }
    }
    Ok((rooms, names))
}

impl Hub {
    /// A fresh public server has the protocol's channels, a private one those that its operator makes.
    pub(super) fn default_channels(&mut self) -> anyhow::Result<()> {
        if self.settings.public && self.rooms.is_empty() {
            for name in PUBLIC {
                let channel = Channel {
                    name: name.to_owned(),
                    verified_only: name == "#ops",
                    ..Channel::default()
                };
                let made = self.make_channel(channel);
                made.map_err(|(_, why)| anyhow::anyhow!("{name} can't be made: {why}"))?;
            }
        }
        Ok(())
    }

    fn make_channel(&mut self, mut channel: Channel) -> Result<usize, Refusal> {
        channel.epoch = self.random_hex(8)?;
        self.store.create_channel(&channel).map_err(storage)?;
        let room = self.rooms.len();
        self.names.insert(channel.name.clone(), room);
        self.rooms.push(Room::new(channel));
        Ok(room)
    }

    pub(super) fn room(&self, name: &str) -> Result<usize, Refusal> {
        let found = self.names.get(name).copied();
        found.ok_or_else(|| ("CHANNEL_NOT_FOUND", format!("there is no channel {name}")))
    }

    /// A room that a connection may know of: to outsiders, one by invitation does not exist.
    pub(super) fn visible(&self, id: u64, name: &str) -> Result<usize, Refusal> {
        let room = self.room(name)?;
        let Room {
            channel,
            members,
            invited,
            ..
        } = &self.rooms[room];
        let within = || members.contains(&id);
        let asked = || {
            self.agent(id)
                .is_ok_and(|agent| invited.contains(&agent.id))
        };
        if channel.invite_only && !within() && !asked() {
            return Err(("CHANNEL_NOT_FOUND", format!("there is no channel {name}")));
        }
        Ok(room)
    }

    pub(super) fn list_channels(&mut self, id: u64) -> Result<(), Refusal> {
        let entry = |room: &Room| {
            let mut entry = json!({"name": room.channel.name, "agents": room.members.len()});
            if room.channel.verified_only {
                entry["verifiedOnly"] = true.into();
            }
            entry
        };
        let open = self.rooms.iter().filter(|room| !room.channel.invite_only);
        let list: Vec<_> = open.map(entry).collect();
        self.tell(id, &make("CHANNELS", json!({"list": list})));
        Ok(())
    }

    pub(super) fn list_agents(&mut self, id: u64, name: &str) -> Result<(), Refusal> {
        self.agent(id)?;
        let room = self.visible(id, name)?;
        let entry = |agent: &Agent| {
            let mut entry = json!({"id": agent.at(), "name": agent.name,
                "presence": agent.presence, "status_text": agent.status_text,
                "verified": agent.verified});
            agent.mark(&mut entry);
            entry
        };
        let list: Vec<_> = self.members(room).map(entry).collect();
        self.tell(id, &make("AGENTS", json!({"channel": name, "list": list})));
        Ok(())
    }

    pub(super) fn members(&self, room: usize) -> impl Iterator<Item = &Agent> {
        let members = self.rooms[room].members.iter();
        members.filter_map(|id| self.peers.get(id)?.agent())
    }

    pub(super) fn create_channel(
        &mut self,
        id: u64,
        fields: &Map<String, Value>,
    ) -> Result<(), Refusal> {
        let name = frame::channel(fields)?;
        let invite_only = frame::truthy(fields, "invite_only");
        let agent = self.agent(id)?;
        self.may_create(agent)?;
        let (me, verified) = (agent.id.clone(), agent.verified);
        if self.room(name).is_ok() {
            return Err(("CHANNEL_EXISTS", format!("{name} exists")));
        }
        if invite_only && !self.settings.private_channels {
            return Err(invalid("private channels are switched off on this server"));
        }
        self.room_for_one_more(&me, verified)?;
        let room = self.make_channel(Channel {
            name: name.to_owned(),
            invite_only,
            verified_only: frame::truthy(fields, "verified_only"),
            ..Channel::default()
        })?;
        self.rooms[room].maker = (!verified).then(|| me.clone());
        if invite_only {
            self.store.invite(name, &me).map_err(storage)?;
            self.rooms[room].invited.insert(me.clone());
        }
        self.audit("create_channel", json!({"agent": me, "channel": name}));
        self.enter(id, room);
        let epoch = &self.rooms[room].channel.epoch;
        let joined = json!({"channel": name, "agents": [format!("@{me}")], "epoch": epoch,
            "offset": 0, "since": 0});
        self.tell(id, &make("JOINED", joined));
        Ok(())
    }

    fn may_create(&self, agent: &Agent) -> Result<(), Refusal> {
        let may = match self.settings.open_channels {
            Mode::Off => agent.verified,
            Mode::Gated => agent.verified || agent.pubkey.is_some() && !self.lurks(agent),
            Mode::Upstream => true,
        };
        let text = || "only verified agents create channels".to_owned();
        may.then_some(()).ok_or_else(|| ("AUTH_REQUIRED", text()))
    }

    fn room_for_one_more(&self, agent: &str, verified: bool) -> Result<(), Refusal> {
        let limits = &self.settings.limits;
        if self.rooms.len() >= limits.channels {
            return Err(invalid("this server has as many channels as it can"));
        }
        let made = |room: &&Room| room.maker.as_deref() == Some(agent);
        if !verified && self.rooms.iter().filter(made).count() >= limits.channels_per_agent {
            return Err(invalid("you have made as many channels as you may"));
        }
        Ok(())
    }
}
