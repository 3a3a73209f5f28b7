//! Coming into channels and leaving them.

use serde_json::{Value, json};

use super::{Hub, dispatch::storage};
use crate::frame::{Refusal, make};

impl Hub {
    /// A newcomer is in every channel that it may be in.
    pub(super) fn auto_join(&mut self, id: u64) -> Result<(), Refusal> {
        let verified = self.agent(id)?.verified;
        for room in 0..self.rooms.len() {
            if verified || !self.rooms[room].channel.verified_only {
                self.enter(id, room)?;
            }
        }
        Ok(())
    }

    fn enter(&mut self, id: u64, room: usize) -> Result<(), Refusal> {
        if !self.rooms[room].members.insert(id) {
            return Ok(());
        }
        let agent = self.agent(id)?;
        let fields = json!({"channel": self.rooms[room].channel.name, "agent": agent.at(),
            "name": agent.name, "verified": agent.verified});
        self.publish(room, &make("AGENT_JOINED", fields), Some(id));
        Ok(())
    }

    pub(super) fn join(&mut self, id: u64, name: &str) -> Result<(), Refusal> {
        let verified = self.agent(id)?.verified;
        let room = self.room(name)?;
        if self.rooms[room].channel.verified_only && !verified {
            return Err((
                "AUTH_REQUIRED",
                format!("{name} admits verified agents only"),
            ));
        }
        let history = self.store.tail(name, self.args.replay).map_err(storage)?;
        self.enter(id, room)?;
        let agents: Vec<_> = self.members(room).collect();
        let epoch = self.rooms[room].channel.epoch.clone();
        self.tell(
            id,
            &make(
                "JOINED",
                json!({"channel": name, "agents": agents, "epoch": epoch}),
            ),
        );
        for json in history {
            if let Ok(Value::Object(mut message)) = serde_json::from_str(&json) {
                message.insert("replay".into(), true.into());
                self.tell(id, &Value::Object(message));
            }
        }
        Ok(())
    }

    pub(super) fn leave(&mut self, id: u64, name: &str) -> Result<(), Refusal> {
        let agent = self.agent(id)?;
        let gone = json!({"channel": name, "agent": agent.at(), "name": agent.name});
        let Ok(room) = self.room(name) else {
            return Ok(());
        };
        if self.rooms[room].members.remove(&id) {
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
