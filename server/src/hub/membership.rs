//! Coming into channels and leaving them.

use serde_json::{Map, Value, json};

use super::{Hub, notices::Notice, resume, storage::storage};
use crate::frame::{self, Refusal, make, now_ms};

impl Hub {
    /// The rooms that an agent is put into when it arrives: all that are open to it.
    pub(super) fn open_rooms(&self, verified: bool) -> Vec<usize> {
        let may = |room: &usize| {
            let channel = &self.rooms[*room].channel;
            !channel.invite_only && (verified || !channel.verified_only)
        };
        (0..self.rooms.len()).filter(may).collect()
    }

    /// Puts an agent into a room; false when it is there already.
    pub(super) fn enter(&mut self, id: u64, room: usize) -> bool {
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.rooms.insert(room);
        }
        self.rooms[room].members.insert(id)
    }

    pub(super) fn join(&mut self, id: u64, fields: &Map<String, Value>) -> Result<(), Refusal> {
        let name = frame::channel(fields)?;
        let left_off = resume::position(fields, name)?;
        let agent = self.agent(id)?;
        let (me, my_name, verified) = (agent.at(), agent.name.clone(), agent.verified);
        let mut arrived =
            json!({"channel": name, "agent": me, "name": my_name, "verified": verified});
        agent.mark(&mut arrived);
        let room = self.visible(id, name)?;
        if self.rooms[room].channel.verified_only && !verified {
            let text = format!("{name} admits verified agents only");
            return Err(("AUTH_REQUIRED", text));
        }
        let start = self.start(room, left_off).map_err(storage)?;
        self.rooms[room].active = now_ms();
        let new = self.enter(id, room);
        if new {
            self.audit("join", json!({"agent": me, "channel": name}));
            self.publish(room, &make("AGENT_JOINED", arrived), Some(id));
        }
        let agents: Vec<_> = self.members(room).map(|agent| agent.member()).collect();
        let channel = &self.rooms[room].channel;
        let mut joined = json!({"channel": name, "agents": agents, "epoch": channel.epoch,
            "offset": channel.last, "since": start.since});
        if let Some(resumed) = start.resumed {
            joined["resumed"] = resumed.into();
        }
        self.tell(id, &make("JOINED", joined));
        self.replay(id, room, start.since);
        if new && self.settings.announcements {
            self.announce_in(room, &format!("{my_name} ({me}) joined {name}"));
        }
        Ok(())
    }

    pub(super) fn leave(&mut self, id: u64, name: &str) -> Result<(), Refusal> {
        let agent = self.agent(id)?;
        let gone = json!({"channel": name, "agent": agent.at(), "name": agent.name});
        let Ok(room) = self.visible(id, name) else {
            return Ok(());
        };
        if self.rooms[room].leave(id) {
            self.audit("leave", json!({"agent": gone["agent"], "channel": name}));
            if let Some(peer) = self.peers.get_mut(&id) {
                peer.replays.stop(room);
                peer.rooms.remove(&room);
            }
            self.publish(room, &make("AGENT_LEFT", gone), None);
        }
        self.tell(id, &make("LEFT", json!({"channel": name})));
        Ok(())
    }

    /// A connection ended: it leaves every channel.
    pub(super) fn depart(&mut self, id: u64, at: String, name: String, rooms: Vec<usize>) {
        for room in &rooms {
            self.rooms[*room].leave(id);
        }
        self.notices.push(Notice {
            id,
            at,
            name,
            verified: false,
            poses: false,
            came: false,
            rooms,
        });
    }

    /// Tells every member, perhaps but one.
    pub(super) fn publish(&mut self, room: usize, frame: &Value, but: Option<u64>) {
        let members = self.rooms[room].members.iter().copied();
        let members: Vec<_> = members.filter(|member| Some(*member) != but).collect();
        self.tell_all(members, frame);
    }
}
