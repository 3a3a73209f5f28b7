//! History that a connection is given as fast as it reads.
//!
//! A channel that a connection is reading up in reaches it only from storage, in batches that the socket has
//! drained, until it has caught up; from then on it hears what is said as everybody does. So every channel
//! keeps its order, nothing is missed, and history never makes anybody a slow consumer.

use std::collections::VecDeque;

use agentchat_store::StoreError;
use bytes::Bytes;

use super::Hub;
use crate::{outbox::OutboundFrame, wire::Encoded};

/// The most messages and bytes of a batch; a larger message is a batch of its own.
const BATCH: (usize, usize) = (256, 256 * 1024);

/// The most that a message of history has besides its JSON: the head of its frame, and the mark.
const EXTRA: usize = 32;

/// What a connection is reading up on.
#[derive(Default)]
pub struct Replays {
    /// Channels are served one after the other, each with a part.
    queue: VecDeque<Replay>,
    /// Whether a batch is on its way.
    sending: bool,
}

struct Replay {
    room: usize,
    /// Offset of the last message that was sent.
    sent: u64,
    /// Offset up to which messages count as history: what was said before the JOIN.
    history: u64,
}

/// A batch of a room's history as it goes over the wire: many who come at a time get the same.
#[derive(Clone)]
struct Recent {
    room: usize,
    /// Offset before its first message, and that of its last one.
    range: (u64, u64),
    /// See [`Replay::history`].
    history: u64,
    frames: Bytes,
}

/// What newcomers were given of late.
#[derive(Default)]
pub struct Recents(VecDeque<Recent>);

/// Batches that are kept.
const RECENT: usize = 16;

impl Recents {
    pub fn clear(&mut self) {
        self.0.clear();
    }

    fn find(&self, replay: &Replay) -> Option<&Recent> {
        self.0.iter().find(|recent| {
            recent.room == replay.room
                && recent.range.0 == replay.sent
                && recent.history == replay.history
        })
    }

    fn keep(&mut self, recent: &Recent) {
        // One message alone may be larger than a batch.
        if recent.frames.len() <= 2 * BATCH.1 {
            self.0.truncate(RECENT - 1);
            self.0.push_front(recent.clone());
        }
    }
}

impl Replays {
    pub fn stop(&mut self, room: usize) {
        self.queue.retain(|replay| replay.room != room);
    }
}

impl Hub {
    /// Gives a connection what was said in a room after an offset, and what is said until it has caught up.
    pub(super) fn replay(&mut self, id: u64, room: usize, since: u64) {
        let history = self.rooms[room].channel.last;
        let Some(peer) = self.peers.get_mut(&id) else {
            return;
        };
        let queue = &mut peer.replays.queue;
        // Joined again while it is still reading up: what the first JOIN promised is owed too.
        let owed = queue.iter().find(|replay| replay.room == room);
        let sent = owed.map_or(since, |replay| replay.sent.min(since));
        peer.replays.stop(room);
        self.rooms[room].reading.remove(&id);
        if sent < history {
            self.rooms[room].reading.insert(id);
            peer.replays.queue.push_back(Replay {
                room,
                sent,
                history,
            });
            self.send_more(id);
        }
    }

    /// The socket has drained a batch.
    pub(super) fn drained(&mut self, id: u64) {
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.replays.sending = false;
            self.send_more(id);
        }
    }

    fn send_more(&mut self, id: u64) {
        if let Err(error) = self.send_batch(id) {
            tracing::error!(id, %error, "history can't be read");
            self.close(id, 1011, "storage failed");
        }
    }

    fn send_batch(&mut self, id: u64) -> Result<(), StoreError> {
        let Some(peer) = self.peers.get_mut(&id) else {
            return Ok(());
        };
        if peer.replays.sending {
            return Ok(());
        }
        let Some(mut replay) = peer.replays.queue.pop_front() else {
            return Ok(());
        };
        let Some(batch) = self.history(&replay)? else {
            // Taken away meanwhile: who comes back is told with its JOIN what is left.
            self.close(id, 4008, "history moved on");
            return Ok(());
        };
        self.outbound.push(id, OutboundFrame::Replay(batch.frames));
        self.outbound.push(id, OutboundFrame::More);
        replay.sent = batch.range.1;
        let room = &mut self.rooms[replay.room];
        let done = replay.sent >= room.channel.last;
        if done {
            room.reading.remove(&id);
        }
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.replays.sending = true;
            if !done {
                peer.replays.queue.push_back(replay);
            }
        }
        Ok(())
    }

    /// The next batch; none when it is there no more.
    fn history(&mut self, replay: &Replay) -> Result<Option<Recent>, StoreError> {
        if let Some(recent) = self.recents.find(replay) {
            return Ok(Some(recent.clone()));
        }
        let room = &self.rooms[replay.room];
        let batch = self
            .store
            .after(&room.channel.name, replay.sent, BATCH.0, BATCH.1)?;
        if batch
            .first()
            .is_none_or(|(offset, _)| *offset > replay.sent + 1)
        {
            return Ok(None);
        }
        let size = batch.iter().map(|(_, json)| json.len() + EXTRA).sum();
        let (mut frames, mut last) = (Vec::with_capacity(size), replay.sent);
        for (offset, json) in batch {
            match json.strip_suffix(b"}") {
                Some(open) if offset <= replay.history => {
                    Encoded::add(&mut frames, &[open, b",\"replay\":true}"]);
                }
                _ => Encoded::add(&mut frames, &[&json]),
            }
            last = offset;
        }
        let recent = Recent {
            room: replay.room,
            range: (replay.sent, last),
            history: replay.history,
            frames: frames.into(),
        };
        self.recents.keep(&recent);
        Ok(Some(recent))
    }
}
