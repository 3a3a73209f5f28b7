//! Who came and who went, told to those who share a room.
//!
//! A single arrival is told at once. When many come at a time, as after a restart, they are told in rounds,
//! and in a room with many at a time all of them in one frame: the work grows with those who come, not with
//! their square.

use std::collections::{BTreeSet, HashSet};

use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Hub, outbound_message::OutboundMessage};
use crate::frame::make;

/// Agents that one frame tells of.
const TOLD: usize = 200;
/// Names that one announcement gives; of more it gives the number.
const NAMED: usize = 20;

/// A connection that came or went.
pub struct Notice {
    /// Connection.
    pub id: u64,
    /// Agent, with `@`.
    pub at: String,
    pub name: String,
    pub verified: bool,
    /// Whether its name is marked.
    pub poses: bool,
    /// Whether it came; else it went.
    pub came: bool,
    pub rooms: Vec<usize>,
}

/// What is still to be told.
#[derive(Default)]
pub struct Notices {
    queue: Vec<Notice>,
    told: Option<Instant>,
}

impl Notices {
    pub fn push(&mut self, notice: Notice) {
        self.queue.push(notice);
    }

    /// Whether nobody was told yet that a connection came.
    fn hides(&self, id: u64) -> bool {
        self.queue.iter().any(|n| n.came && n.id == id)
    }

    /// The next round is due.
    #[cfg(test)]
    pub fn clear_pause(&mut self) {
        self.told = None;
    }

    pub fn clear(&mut self) {
        self.queue.clear();
    }

    /// When the next round is due.
    pub fn due(&self, pause: std::time::Duration) -> Option<Instant> {
        let waiting = !self.queue.is_empty();
        waiting.then(|| self.told.map_or_else(Instant::now, |told| told + pause))
    }
}

impl Hub {
    /// Tells what is due to be told.
    pub(super) fn tell_notices(&mut self) {
        let due = self.notices.due(self.settings.limits.notice);
        if due.is_some_and(|due| due <= Instant::now()) {
            self.tell_round();
        }
    }

    /// Tells of an arrival before anything is heard of who came.
    pub(super) fn introduce(&mut self, id: u64) {
        if self.notices.hides(id) {
            self.tell_round();
        }
    }

    fn tell_round(&mut self) {
        self.notices.told = Some(Instant::now());
        let queue = std::mem::take(&mut self.notices.queue);
        let rooms: BTreeSet<usize> = queue.iter().flat_map(|n| n.rooms.iter().copied()).collect();
        let limits = &self.settings.limits;
        let (most, cheap) = (limits.notices, limits.notice_frames);
        for room in rooms {
            let here: Vec<_> = queue.iter().filter(|n| n.rooms.contains(&room)).collect();
            let frames = here.len() * self.rooms[room].members.len();
            if here.len() <= most || frames <= cheap {
                for notice in here {
                    self.tell_notice(room, notice);
                }
            } else {
                for some in lasting(&here).chunks(TOLD) {
                    let frame = many(&self.rooms[room].channel.name, some);
                    self.publish(room, &frame, None);
                }
            }
        }
        self.announce(&queue);
    }

    fn tell_notice(&mut self, room: usize, notice: &Notice) {
        let channel = &self.rooms[room].channel.name;
        let frame = if notice.came {
            let mut told = json!({"channel": channel, "agent": notice.at, "name": notice.name,
                "verified": notice.verified});
            if notice.poses {
                told["reserved_name"] = true.into();
            }
            make("AGENT_JOINED", told)
        } else {
            make(
                "AGENT_LEFT",
                json!({"channel": channel, "agent": notice.at}),
            )
        };
        self.publish(room, &frame, Some(notice.id));
    }

    /// Says in `#general` who came online and who went offline.
    fn announce(&mut self, queue: &[Notice]) {
        if !self.settings.announcements {
            return;
        }
        let Ok(room) = self.room("#general") else {
            return;
        };
        let all: Vec<_> = queue.iter().collect();
        let mut sentences = vec![];
        if all.len() <= self.settings.limits.notices {
            sentences.extend(all.chunk_by(|a, b| a.came == b.came).map(sentence));
        } else {
            let (came, went): (Vec<_>, _) = lasting(&all).into_iter().partition(|n| n.came);
            let some = [went, came].into_iter().filter(|some| !some.is_empty());
            sentences.extend(some.map(|some| sentence(&some)));
        }
        for sentence in sentences {
            self.announce_in(room, &sentence);
        }
    }

    /// The server says something in a room.
    pub(super) fn announce_in(&mut self, room: usize, content: &str) {
        if self.disk.is_full() {
            return;
        }
        let to = self.rooms[room].channel.name.clone();
        let message = OutboundMessage::server(&to, content);
        if let Err((_, why)) = self.post(room, message) {
            tracing::warn!(why, "an announcement was not stored");
        }
    }
}

/// Without those who came and went again meanwhile.
fn lasting<'a>(notices: &[&'a Notice]) -> Vec<&'a Notice> {
    let ids = |came: bool| notices.iter().filter(move |n| n.came == came).map(|n| n.id);
    let came: HashSet<u64> = ids(true).collect();
    let passed: HashSet<u64> = ids(false).filter(|id| came.contains(id)).collect();
    let last = notices.iter().filter(|n| !passed.contains(&n.id));
    last.copied().collect()
}

/// Who came, or who went: some of one kind.
fn sentence(notices: &[&Notice]) -> String {
    let came = notices.first().is_some_and(|n| n.came);
    let what = if came { "came online" } else { "went offline" };
    format!("{} {what}", list(notices))
}

/// `ada (@1), sam (@2) and 7 others`.
fn list(notices: &[&Notice]) -> String {
    let named = notices.iter().take(NAMED);
    let named: Vec<_> = named.map(|n| format!("{} ({})", n.name, n.at)).collect();
    match notices.len() - named.len() {
        0 => named.join(", "),
        others => format!("{} and {others} others", named.join(", ")),
    }
}

/// What became of some who came and went at one time.
fn many(channel: &str, notices: &[&Notice]) -> Value {
    let came = notices.iter().filter(|n| n.came);
    let came: Vec<_> = came
        .map(|n| {
            let mut told = json!({"id": n.at, "name": n.name, "verified": n.verified});
            if n.poses {
                told["reserved_name"] = true.into();
            }
            told
        })
        .collect();
    let went = notices.iter().filter(|n| !n.came);
    let went: Vec<_> = went.map(|n| n.at.as_str()).collect();
    make(
        "AGENTS_CHANGED",
        json!({"channel": channel, "left": went, "joined": came}),
    )
}
