//! A connection, and who is behind it.

use std::collections::VecDeque;

use super::{Hub, identify::Challenge, replay::Replays, takeover::Held};
use crate::{frame::Refusal, outbox::Outbox};

/// One connection.
pub struct Peer {
    pub outbox: Outbox,
    /// When its last frames came, Unix milliseconds.
    pub frames: VecDeque<i64>,
    pub stage: Stage,
    pub replays: Replays,
}

/// How far the handshake has come.
pub enum Stage {
    /// Nothing was said yet.
    Open,
    /// A key is still to be proven.
    Challenged(Challenge),
    /// The key was proven, and an older session of the same identity lives.
    Held(Held),
    /// It is known who this is.
    In(Agent),
}

/// Who is behind a connection.
pub struct Agent {
    /// Without `@`.
    pub id: String,
    pub name: String,
    /// Whether it proved a key.
    pub keyed: bool,
    /// Whether that key is trusted.
    pub verified: bool,
    pub lurk: bool,
    pub presence: String,
    pub status_text: Option<String>,
    /// When it last said something, Unix milliseconds.
    pub last_message: i64,
}

impl Agent {
    /// Proven with a key, and trusted or not; none for a visitor without a key. Who is not trusted listens.
    pub fn new(id: String, name: &str, verified: Option<bool>) -> Self {
        Self {
            id,
            name: name.to_owned(),
            keyed: verified.is_some(),
            verified: verified == Some(true),
            lurk: verified != Some(true),
            presence: "online".to_owned(),
            status_text: None,
            last_message: 0,
        }
    }

    /// The id as it goes over the wire.
    pub fn at(&self) -> String {
        format!("@{}", self.id)
    }
}

impl Peer {
    pub fn new(outbox: Outbox) -> Self {
        Self {
            outbox,
            frames: VecDeque::new(),
            stage: Stage::Open,
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
    /// Who is behind a connection, or `AUTH_REQUIRED`.
    pub(super) fn agent(&self, id: u64) -> Result<&Agent, Refusal> {
        let agent = self.peers.get(&id).and_then(Peer::agent);
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
        let is = |peer: &Peer| peer.agent().is_some_and(|agent| agent.id == agent_id);
        self.peers
            .iter()
            .find(|(_, peer)| is(peer))
            .map(|(id, _)| *id)
    }
}

fn unidentified() -> Refusal {
    let text = "identify yourself first, with IDENTIFY";
    ("AUTH_REQUIRED", text.to_owned())
}
