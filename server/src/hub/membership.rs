//! Coming into channels and leaving them.

use serde_json::{Map, Value, json};

use super::{Hub, dispatch::storage, resume};
use crate::frame::{self, Refusal, make};

impl Hub {
    /// The rooms that an agent is put into when it arrives: all that it may be in.
    pub(super) fn open_rooms(&self, verified: bool) -> Vec<usize> {
        let may = |room: &usize| verified || !self.rooms[*room].channel.verified_only;
        (0..self.rooms.len()).filter(may).collect()
    }

    pub(super) fn enter(&mut self, id: u64, room: usize) -> Result<(), Refusal> {
        if !self.rooms[room].members.insert(id) {
            return Ok(());
        }
        let agent = self.agent(id)?;
        let fields = json!({"channel": self.rooms[room].channel.name, "agent": agent.at(),
            "name": agent.name, "verified": agent.verified});
        self.publish(room, &make("AGENT_JOINED", fields), Some(id));
        Ok(())
    }

    pub(super) fn join(&mut self, id: u64, fields: &Map<String, Value>) -> Result<(), Refusal> {
        let (name, left_off) = (frame::channel(fields)?, resume::position(fields)?);
        let verified = self.agent(id)?.verified;
        let room = self.room(name)?;
        if self.rooms[room].channel.verified_only && !verified {
            let text = format!("{name} admits verified agents only");
            return Err(("AUTH_REQUIRED", text));
        }
        let start = self.start(room, left_off).map_err(storage)?;
        self.enter(id, room)?;
        let agents: Vec<_> = self.members(room).collect();
        let channel = &self.rooms[room].channel;
        let mut joined = json!({"channel": name, "agents": agents, "epoch": channel.epoch,
            "offset": channel.last, "since": start.since});
        if let Some(resumed) = start.resumed {
            joined["resumed"] = resumed.into();
        }
        self.tell(id, &make("JOINED", joined));
        self.replay(id, room, start.since);
        Ok(())
    }

    pub(super) fn leave(&mut self, id: u64, name: &str) -> Result<(), Refusal> {
        let agent = self.agent(id)?;
        let gone = json!({"channel": name, "agent": agent.at(), "name": agent.name});
        let Ok(room) = self.room(name) else {
            return Ok(());
        };
        if self.rooms[room].members.remove(&id) {
            if let Some(peer) = self.peers.get_mut(&id) {
                peer.replays.stop(room);
            }
            self.publish(room, &make("AGENT_LEFT", gone), None);
        }
        self.tell(id, &make("LEFT", json!({"channel": name})));
        Ok(())
    }

    /// A connection ended: it leaves every channel.
    pub(super) fn depart(&mut self, id: u64, agent: &str) {
        for room in 0..self.rooms.len() {
            if self.rooms[room].members.remove(&id) {
                let channel = &self.rooms[room].channel.name;
                let gone = json!({"channel": channel, "agent": agent});
                self.publish(room, &make("AGENT_LEFT", gone), None);
            }
        }
    }

    /// Tells every member, perhaps but one.
    pub(super) fn publish(&mut self, room: usize, frame: &Value, but: Option<u64>) {
        let members = self.rooms[room].members.iter().copied();
        let members: Vec<_> = members.filter(|member| Some(*member) != but).collect();
        self.tell_all(members, frame);
    }
}
