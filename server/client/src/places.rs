//! Where the reader is in each channel: what it has had, and what is to be asked for after a connection.
//!
//! With a server that gives channels an order, each message reaches the reader once and none is missed:
//! a channel is resumed where the reader left off, also one into which the server put the agent by itself.
//! With another server, channels are joined again, and of the history that it repeats the reader gets what is new.

mod heard;
mod seen;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::{heard::Heard, seen::Seen};
use crate::ChatMessage;

/// A place in the order of a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Which order the offset belongs to.
    pub epoch: String,
    /// Offset of a message; 0 before the first.
    pub offset: u64,
}

/// A JOIN that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Join {
    pub channel: String,
    /// Where to go on; none asks for history.
    pub resume: Option<Position>,
}

/// What a JOIN asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// What comes after a position.
    Rest,
    /// History, but nothing that was heard already.
    History,
    /// All of history: what was heard before was not asked for, and perhaps not listened to.
    Anew,
}

/// All channels.
#[derive(Default)]
pub struct Places(BTreeMap<String, Place>);

/// One channel.
#[derive(Default)]
struct Place {
    /// To be joined at each connection.
    wanted: bool,
    /// Whether history was asked for and given; `seen` reaches back to it.
    told: bool,
    /// The agent left it; servers may put it there again.
    left: bool,
    /// It is about to be resumed: what comes before the answer comes again after it.
    resuming: bool,
    seen: Option<Seen>,
    /// Messages without an order.
    heard: Heard,
    /// It was joined again, and what comes first tells whether history reaches back to what was heard.
    again: bool,
}

impl Places {
    /// These are to be joined at each connection.
    pub fn new(channels: &[String]) -> Self {
        let wanted = || Place {
            wanted: true,
            ..Place::default()
        };
        Self(channels.iter().map(|c| (c.clone(), wanted())).collect())
    }

    /// A connection stands. `entered` are the channels into which the server put the agent, if it tells, with
    /// where their order stands. Gives what is to be joined.
    pub fn connected(&mut self, entered: Option<&BTreeMap<String, Position>>) -> Vec<Join> {
        if let Some(entered) = entered {
            for (channel, position) in entered {
                let place = self.0.entry(channel.clone()).or_default();
                if !place.left {
                    place.seen.get_or_insert_with(|| Seen::after(position));
                }
            }
            // Neither asked for nor put there any more.
            self.0.retain(|channel, place| {
                place.wanted || place.told || place.left || entered.contains_key(channel)
            });
        }
        let mut joins = vec![];
        for (channel, place) in &mut self.0 {
            let here = entered.and_then(|entered| entered.get(channel));
            if let Some(resume) = place.due(here) {
                // Without an order what is said from now on comes again with all of history, in its place.
                place.resuming |= entered.is_none();
                let channel = channel.clone();
                joins.push(Join { channel, resume });
            }
        }
        joins
    }

    /// Where a JOIN that the user asks for goes on.
    pub fn resume(&self, channel: &str) -> Option<Position> {
        let place = self.0.get(channel).filter(|place| place.told)?;
        place.seen.as_ref().map(Seen::position)
    }

    /// The reader has had everything up to a position, or nothing.
    pub fn restart(&mut self, channel: &str, position: Option<&Position>) {
        let place = self.0.entry(channel.to_owned()).or_default();
        place.seen = position.map(Seen::after);
        if position.is_none() {
            place.heard = Heard::default();
        }
        place.told = position.is_some();
    }

    /// The user asked to be in a channel, and is.
    pub fn want(&mut self, channel: &str) {
        self.0.entry(channel.to_owned()).or_default().wanted = true;
    }

    /// A JOINED came. True when messages can't be had any more.
    pub fn joined(&mut self, channel: &str, frame: &Value, asked: Asked) -> bool {
        let place = self.0.entry(channel.to_owned()).or_default();
        (place.left, place.resuming) = (false, false);
        let (epoch, since) = (frame["epoch"].as_str(), frame["since"].as_u64());
        let (Some(epoch), Some(since)) = (epoch, since) else {
            place.again = place.told;
            if !place.told && asked == Asked::Anew {
                place.heard = Heard::default();
            }
            place.told = true;
            return false;
        };
        let start = Position {
            epoch: epoch.to_owned(),
            offset: since,
        };
        let first = asked != Asked::Rest && !place.told;
        place.told |= first;
        if first && asked == Asked::Anew {
            place.seen = Some(Seen::after(&start));
            return false;
        }
        let last = frame["offset"].as_u64().unwrap_or(u64::MAX);
        match &mut place.seen {
            Some(seen) if seen.epoch() == epoch && seen.end() <= last => {
                let lost = since > seen.end();
                seen.skip_to(since);
                if first {
                    seen.reach_back(since);
                }
                lost
            }
            // Another order, or one that was set back; or one that goes on from the order that was read.
            seen => seen.replace(Seen::after(&start)).is_some() && frame["resumed"] != true,
        }
    }

    /// A JOIN was refused.
    pub fn refused(&mut self, channel: &str) {
        if let Some(place) = self.0.get_mut(channel) {
            place.resuming = false;
        }
    }

    /// The user left a channel.
    pub fn left(&mut self, channel: &str) {
        let left = Place {
            left: true,
            ..Place::default()
        };
        self.0.insert(channel.to_owned(), left);
    }

    /// Whether the reader is told what is said in a message's channel.
    pub fn follows(&self, message: &Value) -> bool {
        let channel = message["to"].as_str().unwrap_or_default();
        let place = self.0.get(channel);
        place.is_some_and(|place| place.seen.is_some())
    }

    /// Whether messages may be missing before this one that can't be had any more.
    pub fn breaks_off(&mut self, message: &ChatMessage) -> bool {
        let place = self.0.get_mut(&message.to).filter(|place| place.again);
        place.is_some_and(|place| {
            place.again = false;
            place.heard.breaks_off(message)
        })
    }

    /// Whether a message is one for the reader.
    pub fn admit(&mut self, message: &ChatMessage) -> bool {
        let left = self.0.get(&message.to).is_some_and(|place| place.left);
        let (Some(epoch), Some(offset)) = (&message.epoch, message.offset) else {
            // What is for one agent alone is never repeated.
            let repeated = message.to.starts_with('#');
            return !left && (!repeated || self.hear(message));
        };
        let place = self.0.entry(message.to.clone()).or_default();
        if place.left || place.resuming {
            return false;
        }
        let before = Position {
            epoch: epoch.clone(),
            offset: offset.saturating_sub(1),
        };
        let seen = place.seen.get_or_insert_with(|| Seen::after(&before));
        if seen.epoch() != epoch {
            *seen = Seen::after(&before);
        }
        seen.insert(offset)
    }
}

impl Places {
    fn hear(&mut self, message: &ChatMessage) -> bool {
        let place = self.0.entry(message.to.clone()).or_default();
        // What has no id may be nothing that history has.
        let comes_again = place.resuming && message.msg_id.is_some() && !message.replay;
        !comes_again && place.heard.insert(message)
    }
}

impl Place {
    /// Whether a JOIN is due at a new connection, and from where. `here` is where the order stands if the server
    /// put the agent there.
    fn due(&mut self, here: Option<&Position>) -> Option<Option<Position>> {
        (self.resuming, self.again) = (false, false);
        if self.left || (here.is_none() && !self.wanted && !self.told) {
            return None;
        }
        if self.wanted && !self.told {
            return Some(None);
        }
        let position = self.seen.as_ref().map(Seen::position);
        if position.as_ref() == here && here.is_some() {
            // Nothing was said meanwhile, and what is said now comes.
            return None;
        }
        self.resuming = position.is_some();
        Some(position)
    }
}

#[cfg(test)]
mod tests;
