//! Channels: which there are, and who is in them.

use std::collections::BTreeSet;

use agentchat_store::{Channel, Store, StoreError};
use serde_json::{Map, Value, json};

use super::{Hub, dispatch::storage};
use crate::{
    args::Profile,
    frame::{self, Refusal, invalid, make},
};

/// The most channels of a server.
const CHANNELS: usize = 4096;
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
}

/// Reads the channels.
pub fn load(store: &Store) -> Result<Vec<Room>, StoreError> {
    let rooms = store.channels()?.into_iter();
    Ok(rooms
        .map(|channel| Room {
            channel,
            members: BTreeSet::new(),
        })
        .collect())
}

impl Hub {
    /// A fresh public server has the protocol's channels, a private one those that its operator makes.
    pub(super) fn default_channels(&mut self) -> anyhow::Result<()> {
        if self.args.profile == Profile::Public && self.rooms.is_empty() {
            for name in PUBLIC {
                let made = self.make_channel(name, name == "#ops");
                made.map_err(|(_, why)| anyhow::anyhow!("{name} can't be made: {why}"))?;
            }
        }
        Ok(())
    }

    fn make_channel(&mut self, name: &str, verified_only: bool) -> Result<usize, Refusal> {
        let epoch = self.random_hex(8)?;
        let channel = Channel {
            name: name.to_owned(),
            epoch,
            verified_only,
            last: 0,
        };
        self.store.create_channel(&channel).map_err(storage)?;
        self.rooms.push(Room {
            channel,
            members: BTreeSet::new(),
        });
        Ok(self.rooms.len() - 1)
    }

    pub(super) fn room(&self, name: &str) -> Result<usize, Refusal> {
        let found = self.rooms.iter().position(|room| room.channel.name == name);
        found.ok_or_else(|| ("CHANNEL_NOT_FOUND", format!("there is no channel {name}")))
    }

    pub(super) fn list_channels(&mut self, id: u64) -> Result<(), Refusal> {
        let entry = |room: &Room| {
            let mut entry = json!({"name": room.channel.name, "agents": room.members.len()});
            if room.channel.verified_only {
                entry["verifiedOnly"] = true.into();
            }
            entry
        };
        let list: Vec<_> = self.rooms.iter().map(entry).collect();
        self.tell(id, &make("CHANNELS", json!({"list": list})));
        Ok(())
    }

    pub(super) fn list_agents(&mut self, id: u64, name: &str) -> Result<(), Refusal> {
        self.agent(id)?;
        let room = self.room(name)?;
        let list: Vec<_> = self.members(room).collect();
        self.tell(id, &make("AGENTS", json!({"channel": name, "list": list})));
        Ok(())
    }

    pub(super) fn members(&self, room: usize) -> impl Iterator<Item = Value> {
        let agents = self.rooms[room]
            .members
            .iter()
            .filter_map(|id| self.peers.get(id)?.agent());
        agents.map(|a| {
            json!({"id": a.at(), "name": a.name, "presence": a.presence,
                "status_text": a.status_text, "verified": a.verified})
        })
    }

    pub(super) fn create_channel(
        &mut self,
        id: u64,
        fields: &Map<String, Value>,
    ) -> Result<(), Refusal> {
        let name = frame::channel(fields)?;
        let agent = self.agent(id)?;
        if !agent.verified {
            return Err((
                "AUTH_REQUIRED",
                "only verified agents create channels".to_owned(),
            ));
        }
        let me = agent.at();
        if self.room(name).is_ok() {
            return Err(("CHANNEL_EXISTS", format!("{name} exists")));
        }
        let flag = |key| fields.get(key).and_then(Value::as_bool).unwrap_or(false);
        if flag("invite_only") {
            return Err(invalid("private channels are switched off on this server"));
        }
        if self.rooms.len() >= CHANNELS {
            return Err(invalid("this server has as many channels as it can"));
        }
        let room = self.make_channel(name, flag("verified_only"))?;
        self.rooms[room].members.insert(id);
        let epoch = &self.rooms[room].channel.epoch;
        let joined =
            json!({"channel": name, "agents": [me], "epoch": epoch, "offset": 0, "since": 0});
        self.tell(id, &make("JOINED", joined));
        Ok(())
    }
}
