//! What a server of the public kind knows, and what it answers.

use std::collections::{BTreeMap, HashMap, VecDeque};

use agentchat_protocol::{agent_id, auth_text, verify};
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;

/// What goes to a connection.
pub enum Out {
    Frame(Value),
    /// A close frame: code and reason.
    Close(u16, &'static str),
    /// Nothing any more, without a word.
    Cut,
}

/// When the connection of whoever says something next is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    BeforeItIsTaken,
    AfterItWasTaken,
}

#[derive(Default)]
pub struct State {
    pub clock: i64,
    /// In the order in which they were made.
    pub channels: BTreeMap<String, Channel>,
    peers: HashMap<u64, Peer>,
    pub cut: Option<Cut>,
    pub lurk: bool,
    /// Fields that are absent otherwise are null, and some are of another kind.
    pub odd: bool,
    /// Messages that are kept of a channel.
    pub kept: usize,
}

#[derive(Default)]
pub struct Channel {
    members: Vec<u64>,
    pub buffer: VecDeque<Value>,
}

struct Peer {
    out: UnboundedSender<Out>,
    key: Option<String>,
    agent: Option<(String, String)>,
    challenge: Option<(String, String)>,
    frames: u32,
}

impl State {
    pub fn enter(&mut self, id: u64, out: UnboundedSender<Out>) {
        let peer = Peer {
            out,
            key: None,
            agent: None,
            challenge: None,
            frames: 0,
        };
        self.peers.insert(id, peer);
    }

    pub fn depart(&mut self, id: u64) {
        for channel in self.channels.values_mut() {
            channel.members.retain(|member| *member != id);
        }
        if let Some((at, name)) = self.peers.remove(&id).and_then(|peer| peer.agent) {
            self.announce("#general", &format!("{name} ({at}) went offline"));
        }
    }

    /// Everything is forgotten, and everybody cut off: it was started again.
    pub fn start_again(&mut self) {
        self.channels
            .values_mut()
            .for_each(|c| *c = Channel::default());
        for (_, peer) in self.peers.drain() {
            drop(peer.out.send(Out::Cut));
        }
    }

    pub fn anybody(&self) -> bool {
        self.peers.values().any(|peer| peer.agent.is_some())
    }

    pub fn cut_all(&mut self) {
        for peer in self.peers.values() {
            drop(peer.out.send(Out::Cut));
        }
    }

    fn make(&mut self, type_: &str, fields: Value) -> Value {
        self.clock += 1;
        let mut frame = json!({"type": type_, "ts": self.clock});
        let fields = fields.as_object().unwrap().clone();
        frame.as_object_mut().unwrap().extend(fields);
        frame
    }

    fn tell(&mut self, id: u64, type_: &str, fields: Value) {
        let frame = self.make(type_, fields);
        if let Some(peer) = self.peers.get(&id) {
            drop(peer.out.send(Out::Frame(frame)));
        }
    }

    fn error(&mut self, id: u64, code: &str) {
        self.tell(id, "ERROR", json!({"code": code, "message": "no"}));
    }

    /// Tells a channel, and keeps it.
    fn publish(&mut self, channel: &str, frame: &Value) {
        let kept = self.kept;
        let Some(found) = self.channels.get_mut(channel) else {
            return;
        };
        found.buffer.push_back(frame.clone());
        if found.buffer.len() > kept {
            found.buffer.pop_front();
        }
        for member in found.members.clone() {
            drop(self.peers[&member].out.send(Out::Frame(frame.clone())));
        }
    }

    fn announce(&mut self, channel: &str, content: &str) {
        let fields =
            json!({"from": "@server", "from_name": "Server", "to": channel, "content": content});
        let frame = self.make("MSG", fields);
        self.publish(channel, &frame);
    }

    /// Somebody else says something.
    pub fn say(&mut self, channel: &str, content: &str) {
        self.said("@0000000000000001", "eve", channel, content, &Value::Null);
    }

    fn said(&mut self, at: &str, name: &str, channel: &str, content: &str, reply: &Value) {
        let mut frame = self.make(
            "MSG",
            json!({"from": at, "from_name": name, "to": channel, "content": content}),
        );
        frame["msg_id"] = format!("{}-x", self.clock).into();
        if self.odd {
            for field in ["sig", "verified", "replay", "offset", "epoch"] {
                frame[field] = Value::Null;
            }
            frame["in_reply_to"] = json!(7);
            frame["from_name"] = Value::Null;
        } else {
            frame["verified"] = false.into();
            if reply.is_string() {
                frame["in_reply_to"] = reply.clone();
            }
        }
        self.publish(channel, &frame);
    }

    pub fn hear(&mut self, id: u64, frame: &Value) {
        let Some(peer) = self.peers.get_mut(&id) else {
            return;
        };
        peer.frames += 1;
        // The window of 10 s never ends: no test goes on for so long.
        if peer.frames > 60 || (peer.agent.is_none() && peer.frames > 10) {
            drop(peer.out.send(Out::Close(1008, "Rate limit exceeded")));
            return;
        }
        let type_ = frame["type"].as_str().unwrap();
        let text = |field: &str| frame[field].as_str().unwrap_or_default().to_owned();
        match type_ {
            "PING" => self.tell(id, "PONG", json!({})),
            "LIST_CHANNELS" => {
                let list = |(name, c): (&String, &Channel)| json!({"name": name, "agents": c.members.len()});
                let list: Vec<_> = self.channels.iter().map(list).collect();
                self.tell(id, "CHANNELS", json!({"list": list}));
            }
            "ADMIN_LIST" => {
                let entry = json!({"agentId": "@a", "pubkeyPrefix": "x...", "approvedAt": "2026-01-01", "note": null});
                let result =
                    json!({"action": "list", "entries": [entry], "enabled": true, "strict": false});
                self.tell(id, "ADMIN_RESULT", result);
            }
            "IDENTIFY" => self.identify(id, frame),
            "VERIFY_IDENTITY" => self.prove(id, frame),
            _ if self.peers[&id].agent.is_none() => self.error(id, "AUTH_REQUIRED"),
            "JOIN" => self.join(id, &text("channel")),
            "LEAVE" => {
                let channel = text("channel");
                if let Some(found) = self.channels.get_mut(&channel) {
                    found.members.retain(|member| *member != id);
                    self.tell(id, "LEFT", json!({"channel": channel}));
                }
            }
            "LIST_AGENTS" => self.list_agents(id, &text("channel")),
            "CREATE_CHANNEL" => {
                let (at, _) = self.peers[&id].agent.clone().unwrap();
                let channel = self.channels.entry(text("channel")).or_default();
                channel.members.push(id);
                self.tell(
                    id,
                    "JOINED",
                    json!({"channel": text("channel"), "agents": [at]}),
                );
            }
            "SET_PRESENCE" => {}
            "MSG" => self.message(id, frame),
            _ => self.error(id, "INVALID_MSG"),
        }
    }

    fn identify(&mut self, id: u64, frame: &Value) {
        let name = frame["name"].as_str().unwrap().to_owned();
        let peer = self.peers.get_mut(&id).unwrap();
        peer.agent = None;
        if let Some(key) = frame["pubkey"].as_str() {
            let (nonce, challenge) = (format!("nonce{id}"), format!("chal_{id}"));
            peer.key = Some(key.to_owned());
            peer.challenge = Some((nonce.clone(), name));
            let fields = json!({"challenge_id": challenge, "nonce": nonce, "expires_at": 1});
            self.tell(id, "CHALLENGE", fields);
        } else {
            self.welcome(id, format!("@eph{id:05}"), name);
        }
    }

    fn prove(&mut self, id: u64, frame: &Value) {
        let peer = self.peers.get_mut(&id).unwrap();
        let (Some(key), Some((nonce, name))) = (peer.key.clone(), peer.challenge.take()) else {
            return self.error(id, "VERIFICATION_EXPIRED");
        };
        let at = frame["timestamp"].as_i64().unwrap();
        let text = auth_text(&nonce, &format!("chal_{id}"), at);
        if !verify(&key, &text, frame["signature"].as_str().unwrap()) {
            return self.error(id, "VERIFICATION_FAILED");
        }
        self.welcome(id, format!("@{}", agent_id(&key)), name);
    }

    fn welcome(&mut self, id: u64, at: String, name: String) {
        let keyed = self.peers[&id].key.is_some();
        let mut fields =
            json!({"agent_id": at, "name": name, "server": "agentchat", "disclaimer": "x"});
        if keyed {
            fields["verified"] = false.into();
        }
        if self.lurk {
            fields["lurk"] = true.into();
            fields["lurk_until"] = json!(1_700_000_000_000.0);
        }
        self.tell(id, "WELCOME", fields);
        self.peers.get_mut(&id).unwrap().agent = Some((at.clone(), name.clone()));
        let joined = json!({"agent": at, "name": name, "verified": false});
        let channels: Vec<_> = self.channels.keys().cloned().collect();
        for channel in channels {
            let mut joined = joined.clone();
            joined["channel"] = channel.as_str().into();
            for member in self.channels[&channel].members.clone() {
                self.tell(member, "AGENT_JOINED", joined.clone());
            }
            self.channels.get_mut(&channel).unwrap().members.push(id);
        }
        self.announce("#general", &format!("{name} ({at}) came online"));
    }

    fn join(&mut self, id: u64, channel: &str) {
        let Some(found) = self.channels.get_mut(channel) else {
            return self.error(id, "CHANNEL_NOT_FOUND");
        };
        let new = !found.members.contains(&id);
        if new {
            found.members.push(id);
        }
        let buffer = found.buffer.clone();
        self.tell(id, "JOINED", json!({"channel": channel, "agents": []}));
        for mut frame in buffer {
            frame["replay"] = true.into();
            drop(self.peers[&id].out.send(Out::Frame(frame)));
        }
        if new {
            self.announce(channel, "somebody joined");
        }
    }

    fn list_agents(&mut self, id: u64, channel: &str) {
        let Some(found) = self.channels.get(channel) else {
            return self.error(id, "CHANNEL_NOT_FOUND");
        };
        let agents = found
            .members
            .iter()
            .filter_map(|m| self.peers[m].agent.clone());
        let list = agents.map(|(at, name)| {
            json!({"id": at, "name": name, "presence": "online", "status_text": null, "verified": false})
        });
        let list: Vec<_> = list.collect();
        self.tell(id, "AGENTS", json!({"channel": channel, "list": list}));
    }

    fn message(&mut self, id: u64, frame: &Value) {
        let cut = self.cut.take();
        if cut == Some(Cut::BeforeItIsTaken) {
            drop(self.peers[&id].out.send(Out::Cut));
            return;
        }
        let (to, content) = (
            frame["to"].as_str().unwrap(),
            frame["content"].as_str().unwrap(),
        );
        if self.lurk {
            return self.error(id, "LURK_MODE");
        }
        if content.starts_with("@@cb:") {
            return;
        }
        if !to.starts_with('#') {
            return self.error(id, "INVALID_MSG");
        }
        let Some(channel) = self.channels.get(to) else {
            return self.error(id, "CHANNEL_NOT_FOUND");
        };
        if !channel.members.contains(&id) {
            return self.error(id, "NOT_INVITED");
        }
        if cut == Some(Cut::AfterItWasTaken) {
            drop(self.peers[&id].out.send(Out::Cut));
        }
        let (at, name) = self.peers[&id].agent.clone().unwrap();
        self.said(&at, &name, to, content, &frame["in_reply_to"]);
    }
}
