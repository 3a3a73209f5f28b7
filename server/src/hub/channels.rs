//! Channels: who is in, what is said, in which order.

use std::collections::BTreeSet;

use agentchat_store::{Channel, Store, StoreError};
use serde_json::{Map, Value, json};

use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::{Hub, storage};
use crate::{
    args::Profile,
    frame::{self, Refusal, invalid, make, now_ms, text},
    outbox::Out,
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
    channel: Channel,
    members: BTreeSet<u64>,
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
        if self.args.profile == Profile::Public && self.channels.is_empty() {
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
        self.channels.push(Room {
            channel,
            members: BTreeSet::new(),
        });
        Ok(self.channels.len() - 1)
    }

    fn room(&self, name: &str) -> Result<usize, Refusal> {
        let found = self
            .channels
            .iter()
            .position(|room| room.channel.name == name);
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
        let list: Vec<_> = self.channels.iter().map(entry).collect();
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

    fn members(&self, room: usize) -> impl Iterator<Item = Value> {
        let agents = self.channels[room]
            .members
            .iter()
            .filter_map(|id| self.peers.get(id)?.agent.as_ref());
        agents.map(|a| {
            json!({"id": format!("@{}", a.id), "name": a.name, "presence": a.presence,
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
        let me = format!("@{}", agent.id);
        if self.room(name).is_ok() {
            return Err(("CHANNEL_EXISTS", format!("{name} exists")));
        }
        let flag = |key| fields.get(key).and_then(Value::as_bool).unwrap_or(false);
        if flag("invite_only") {
            return Err(invalid("private channels are switched off on this server"));
        }
        if self.channels.len() >= CHANNELS {
            return Err(invalid("this server has as many channels as it can"));
        }
        let room = self.make_channel(name, flag("verified_only"))?;
        self.channels[room].members.insert(id);
        self.tell(
            id,
            &make("JOINED", json!({"channel": name, "agents": [me]})),
        );
        Ok(())
    }

    /// A newcomer is in every channel that it may be in.
    pub(super) fn auto_join(&mut self, id: u64) -> Result<(), Refusal> {
        let verified = self.agent(id)?.verified;
        for room in 0..self.channels.len() {
            if verified || !self.channels[room].channel.verified_only {
                self.enter(id, room)?;
            }
        }
        Ok(())
    }

    fn enter(&mut self, id: u64, room: usize) -> Result<(), Refusal> {
        if !self.channels[room].members.insert(id) {
            return Ok(());
        }
        let agent = self.agent(id)?;
        let fields = json!({"channel": self.channels[room].channel.name, "agent": format!("@{}", agent.id),
            "name": agent.name, "verified": agent.verified});
        self.publish(room, &make("AGENT_JOINED", fields), Some(id));
        Ok(())
    }

    pub(super) fn join(&mut self, id: u64, name: &str) -> Result<(), Refusal> {
        let verified = self.agent(id)?.verified;
        let room = self.room(name)?;
        if self.channels[room].channel.verified_only && !verified {
            return Err((
                "AUTH_REQUIRED",
                format!("{name} admits verified agents only"),
            ));
        }
        let history = self.store.tail(name, self.args.replay).map_err(storage)?;
        self.enter(id, room)?;
        let agents: Vec<_> = self.members(room).collect();
        let epoch = self.channels[room].channel.epoch.clone();
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
        let gone = json!({"channel": name, "agent": format!("@{}", agent.id), "name": agent.name});
        let Ok(room) = self.room(name) else {
            return Ok(());
        };
        if self.channels[room].members.remove(&id) {
            self.publish(room, &make("AGENT_LEFT", gone), None);
        }
        self.tell(id, &make("LEFT", json!({"channel": name})));
        Ok(())
    }

    /// A connection ended: it leaves every channel.
    pub(super) fn depart(&mut self, id: u64, agent_id: &str) {
        for room in 0..self.channels.len() {
            if self.channels[room].members.remove(&id) {
                let channel = &self.channels[room].channel.name;
                let gone = make(
                    "AGENT_LEFT",
                    json!({"channel": channel, "agent": format!("@{agent_id}")}),
                );
                self.publish(room, &gone, None);
            }
        }
    }

    /// Encodes once, queues for every member.
    fn publish(&mut self, room: usize, frame: &Value, but: Option<u64>) {
        let text = Utf8Bytes::from(frame.to_string());
        let members: Vec<_> = self.channels[room]
            .members
            .iter()
            .copied()
            .filter(|m| Some(*m) != but)
            .collect();
        for member in members {
            self.out(member, Out::Text(text.clone()));
        }
    }

    pub(super) fn message(&mut self, id: u64, fields: &Map<String, Value>) -> Result<(), Refusal> {
        let (to, content) = (text(fields, "to")?, frame::content(fields)?);
        let agent = self.agent(id)?;
        if agent.lurk {
            return Err((
                "LURK_MODE",
                "newcomers listen first on this server".to_owned(),
            ));
        }
        let (from, from_name, verified) =
            (format!("@{}", agent.id), agent.name.clone(), agent.verified);
        let now = now_ms();
        let limit = self.args.rate_limit_ms;
        if limit > 0 && now - agent.last_message < limit {
            return Err(("RATE_LIMITED", format!("one message in {limit} ms")));
        }
        if let Some(agent) = self.peers.get_mut(&id).and_then(|peer| peer.agent.as_mut()) {
            agent.last_message = now;
        }
        if to.starts_with('@') {
            return Err(invalid("direct messages are switched off on this server"));
        }
        if !to.starts_with('#') {
            return Err(invalid("to must start with #"));
        }
        let room = self.room(to)?;
        if !self.channels[room].members.contains(&id) {
            return Err(("NOT_INVITED", format!("join {to} first")));
        }
        let (offset, epoch) = (
            self.channels[room].channel.last + 1,
            self.channels[room].channel.epoch.clone(),
        );
        let mut message = json!({"from": from, "from_name": from_name, "to": to, "content": content,
            "msg_id": format!("{now}-{}", self.random_hex(3)?), "verified": verified});
        for key in ["sig", "in_reply_to"] {
            if let Some(value) = fields
                .get(key)
                .filter(|v| v.as_str().is_some_and(|s| (1..=512).contains(&s.len())))
            {
                message[key] = value.clone();
            }
        }
        message["epoch"] = epoch.into();
        message["offset"] = offset.into();
        let frame = make("MSG", message);
        self.store
            .append(to, offset, &frame.to_string())
            .map_err(storage)?;
        self.channels[room].channel.last = offset;
        self.publish(room, &frame, None);
        Ok(())
    }

    pub(super) fn presence(&mut self, id: u64, fields: &Map<String, Value>) -> Result<(), Refusal> {
        let status = text(fields, "status").unwrap_or_default();
        if !["online", "away", "busy", "offline", "listening"].contains(&status) {
            return Err(invalid(
                "Invalid presence status: online, away, busy, offline or listening",
            ));
        }
        let said = match fields.get("status_text") {
            None | Some(Value::Null) => None,
            Some(Value::String(said)) if said.encode_utf16().count() <= 100 => {
                Some(said.clone()).filter(|s| !s.is_empty())
            }
            Some(_) => {
                return Err(invalid(
                    "status_text must be a string of at most 100 characters",
                ));
            }
        };
        self.agent(id)?;
        let Some(agent) = self.peers.get_mut(&id).and_then(|peer| peer.agent.as_mut()) else {
            return Ok(());
        };
        (agent.presence, agent.status_text) = (status.to_owned(), said);
        let frame = make(
            "PRESENCE_CHANGED",
            json!({"agent_id": format!("@{}", agent.id), "name": agent.name, "presence": agent.presence,
                "status_text": agent.status_text}),
        );
        let rooms = self
            .channels
            .iter()
            .filter(|room| room.members.contains(&id));
        let mut others: BTreeSet<u64> = rooms
            .flat_map(|room| room.members.iter().copied())
            .collect();
        others.remove(&id);
        let text = Utf8Bytes::from(frame.to_string());
        for other in others {
            self.out(other, Out::Text(text.clone()));
        }
        Ok(())
    }
}
