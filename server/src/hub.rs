//! The hub: one thread that owns all state, so that every channel has one order.
//!
//! What a frame asks for is done and stored before anybody hears of it. A session whose queue is full is
//! cut off; nobody waits for it.

mod admin;
mod channels;
mod identify;

use std::collections::HashMap;

use agentchat_store::Store;
use anyhow::Context;
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Map, Value, json};
use tokio::sync::{mpsc, oneshot};

use crate::{
    args::Args,
    frame::{self, Refusal, invalid, make, now_ms},
    inbox::Command,
    outbox::{Out, Outbox},
};

/// Frames that an unidentified session may send in [`WINDOW_MS`].
const EARLY_FRAMES: usize = 10;
/// Length of the frame window.
const WINDOW_MS: i64 = 10_000;

/// One connection.
struct Peer {
    outbox: Outbox,
    frames: std::collections::VecDeque<i64>,
    challenge: Option<identify::Challenge>,
    agent: Option<Agent>,
}

/// Who is behind a connection, once that is known.
struct Agent {
    /// Without `@`.
    id: String,
    name: String,
    verified: bool,
    lurk: bool,
    presence: String,
    status_text: Option<String>,
    last_message: i64,
}

/// All state.
struct Hub {
    store: Store,
    args: Args,
    admin_key: Option<String>,
    random: SystemRandom,
    peers: HashMap<u64, Peer>,
    channels: Vec<channels::Room>,
}

/// Starts the thread; the receiver resolves when it has ended, or failed.
pub fn start(
    store: Store,
    args: Args,
    admin_key: Option<String>,
    mut queue: mpsc::Receiver<Command>,
) -> anyhow::Result<oneshot::Receiver<anyhow::Result<()>>> {
    let mut hub = Hub {
        channels: channels::load(&store)?,
        store,
        args,
        admin_key,
        random: SystemRandom::new(),
        peers: HashMap::new(),
    };
    hub.default_channels()?;
    let (done, ended) = oneshot::channel();
    std::thread::Builder::new()
        .name("hub".into())
        .spawn(move || {
            while let Some(command) = queue.blocking_recv() {
                if matches!(command, Command::Stop) {
                    break;
                }
                hub.take(command);
            }
            if done.send(Ok(())).is_err() {
                tracing::debug!("nobody waits for the hub's end");
            }
        })
        .context("the hub thread can't be started")?;
    Ok(ended)
}

impl Hub {
    fn take(&mut self, command: Command) {
        match command {
            Command::Open { id, outbox } => {
                let peer = Peer {
                    outbox,
                    frames: std::collections::VecDeque::new(),
                    challenge: None,
                    agent: None,
                };
                self.peers.insert(id, peer);
            }
            Command::Gone { id } => drop(self.remove(id)),
            Command::Frame { id, text, share } => {
                self.frame(id, &text);
                drop(share);
            }
            Command::Stop => {}
        }
    }

    fn frame(&mut self, id: u64, text: &str) {
        if !self.within_rate(id) {
            self.out(id, Out::Close(1008, "Rate limit exceeded"));
            self.remove(id);
            return;
        }
        let handled =
            frame::parse(text).and_then(|(type_, fields)| self.dispatch(id, &type_, &fields));
        if let Err((code, message)) = handled {
            self.tell(
                id,
                &make("ERROR", json!({"code": code, "message": message})),
            );
        }
    }

    /// Counts a frame; false when there were too many.
    fn within_rate(&mut self, id: u64) -> bool {
        let limit = self.args.frame_limit;
        let Some(peer) = self.peers.get_mut(&id) else {
            return true;
        };
        let limit = if peer.agent.is_some() {
            limit
        } else {
            EARLY_FRAMES
        };
        let now = now_ms();
        while peer.frames.front().is_some_and(|at| now - at > WINDOW_MS) {
            peer.frames.pop_front();
        }
        if limit > 0 {
            peer.frames.push_back(now);
        }
        limit == 0 || peer.frames.len() <= limit
    }

    fn dispatch(
        &mut self,
        id: u64,
        type_: &str,
        fields: &Map<String, Value>,
    ) -> Result<(), Refusal> {
        match type_ {
            "PING" => {
                self.tell(id, &make("PONG", json!({})));
                Ok(())
            }
            "IDENTIFY" => self.identify(id, fields),
            "VERIFY_IDENTITY" => self.verify(id, fields),
            "LIST_CHANNELS" => self.list_channels(id),
            "ADMIN_APPROVE" => self.approve(id, fields),
            "ADMIN_REVOKE" => self.revoke(id, fields),
            "JOIN" => self.join(id, frame::channel(fields)?),
            "LEAVE" => self.leave(id, frame::channel(fields)?),
            "LIST_AGENTS" => self.list_agents(id, frame::channel(fields)?),
            "CREATE_CHANNEL" => self.create_channel(id, fields),
            "MSG" => self.message(id, fields),
            "SET_PRESENCE" => self.presence(id, fields),
            _ => Err(invalid("this type of message is not known here")),
        }
    }

    /// Who is behind a connection, or `AUTH_REQUIRED`.
    fn agent(&self, id: u64) -> Result<&Agent, Refusal> {
        let agent = self.peers.get(&id).and_then(|peer| peer.agent.as_ref());
        agent.ok_or_else(|| {
            (
                "AUTH_REQUIRED",
                "identify yourself first, with IDENTIFY".to_owned(),
            )
        })
    }

    fn tell(&mut self, id: u64, frame: &Value) {
        self.out(id, Out::Text(frame.to_string().into()));
    }

    /// Queues for one session; one that falls too far behind is cut off.
    fn out(&mut self, id: u64, out: Out) {
        if let Some(peer) = self.peers.get(&id)
            && peer.outbox.put(out).is_err()
        {
            tracing::info!(id, "a slow consumer is cut off");
            if let Some(peer) = self.remove(id) {
                peer.outbox.cut(4008, "slow consumer");
            }
        }
    }

    /// Forgets a connection, and tells the others.
    fn remove(&mut self, id: u64) -> Option<Peer> {
        let peer = self.peers.remove(&id)?;
        if let Some(agent) = &peer.agent {
            self.depart(id, &agent.id);
        }
        Some(peer)
    }

    /// `count` random bytes in hexadecimal.
    fn random_hex(&self, count: usize) -> Result<String, Refusal> {
        let mut bytes = vec![0_u8; count];
        let failed = |_| invalid("the server has no random numbers; try again");
        self.random.fill(&mut bytes).map_err(failed)?;
        Ok(bytes.iter().map(|b| format!("{b:02x}")).collect())
    }
}

/// A failed database is the server's trouble, and the client must know that nothing was stored.
fn storage(error: agentchat_store::StoreError) -> Refusal {
    tracing::error!(%error, "storage failed");
    (
        "INVALID_MSG",
        "the server could not store this; nothing was done".to_owned(),
    )
}
