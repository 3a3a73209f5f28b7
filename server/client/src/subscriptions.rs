//! Where the reader is in each channel: what it has had, and what is to be asked for after a connection.
//!
//! With a server that gives channels an order, each message reaches the reader once and none is missed:
//! a channel is resumed where the reader left off, also one into which the server put the agent by itself.
//! With another server, channels are joined again, and of the history that it repeats the reader gets what is new.

mod received;
mod recent;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::{received::ReceivedOffsets, recent::RecentMessages};
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
pub enum HistoryScope {
    /// What comes after a position.
    Rest,
    /// History, but nothing that was heard already.
    History,
    /// All of history: what was heard before was not asked for, and perhaps not listened to.
    Anew,
}

/// All channels.
#[derive(Default)]
pub struct Subscriptions(BTreeMap<String, Subscription>);

/// One channel.
#[derive(Default)]
struct Subscription {
    /// To be joined at each connection.
    wanted: bool,
    /// Whether history was asked for and given; `seen` reaches back to it.
    history_given: bool,
    /// The agent left it; servers may put it there again.
    left: bool,
    /// It is about to be resumed: what comes before the answer comes again after it.
    resuming: bool,
    received: Option<ReceivedOffsets>,
    /// Messages without an order.
    recent: RecentMessages,
    /// It was joined again, and what comes first tells whether history reaches back to what was heard.
    rejoined: bool,
}

impl Subscriptions {
    /// These are to be joined at each connection.
    pub fn new(channels: &[String]) -> Self {
        let wanted = || Subscription {
            wanted: true,
            ..Subscription::default()
        };
        Self(channels.iter().map(|c| (c.clone(), wanted())).collect())
    }

    /// A connection stands. `entered` are the channels into which the server put the agent, if it tells, with
    /// where their order stands. Gives what is to be joined.
    pub fn connected(&mut self, entered: Option<&BTreeMap<String, Position>>) -> Vec<Join> {
        if let Some(entered) = entered {
            for (channel, position) in entered {
                let subscription = self.0.entry(channel.clone()).or_default();
                if !subscription.left {
                    subscription
                        .received
                        .get_or_insert_with(|| ReceivedOffsets::after(position));
                }
            }
            // Neither asked for nor put there any more.
            self.0.retain(|channel, subscription| {
                subscription.wanted
                    || subscription.history_given
                    || subscription.left
                    || entered.contains_key(channel)
            });
        }
        let mut joins = vec![];
        for (channel, subscription) in &mut self.0 {
            let here = entered.and_then(|entered| entered.get(channel));
            if let Some(resume) = subscription.due(here) {
                // Without an order what is said from now on comes again with all of history, in its place.
                subscription.resuming |= entered.is_none();
                let channel = channel.clone();
                joins.push(Join { channel, resume });
            }
        }
        joins
    }

    /// Where a JOIN that the user asks for goes on.
    pub fn resume(&self, channel: &str) -> Option<Position> {
        let subscription = self
            .0
            .get(channel)
            .filter(|subscription| subscription.history_given)?;
        subscription
            .received
            .as_ref()
            .map(ReceivedOffsets::position)
    }

    /// The reader has had everything up to a position, or nothing.
    pub fn restart(&mut self, channel: &str, position: Option<&Position>) {
        let subscription = self.0.entry(channel.to_owned()).or_default();
        subscription.received = position.map(ReceivedOffsets::after);
        if position.is_none() {
            subscription.recent = RecentMessages::default();
        }
        subscription.history_given = position.is_some();
    }

    /// The user asked to be in a channel, and is.
    pub fn want(&mut self, channel: &str) {
        self.0.entry(channel.to_owned()).or_default().wanted = true;
    }

    /// A JOINED came. True when messages can't be had any more.
    pub fn joined(&mut self, channel: &str, frame: &Value, asked: HistoryScope) -> bool {
        let subscription = self.0.entry(channel.to_owned()).or_default();
        (subscription.left, subscription.resuming) = (false, false);
        let (epoch, since) = (frame["epoch"].as_str(), frame["since"].as_u64());
        let (Some(epoch), Some(since)) = (epoch, since) else {
            subscription.rejoined = subscription.history_given;
            if !subscription.history_given && asked == HistoryScope::Anew {
                subscription.recent = RecentMessages::default();
            }
            subscription.history_given = true;
            return false;
        };
        let start = Position {
            epoch: epoch.to_owned(),
            offset: since,
        };
        let first = asked != HistoryScope::Rest && !subscription.history_given;
        subscription.history_given |= first;
        if first && asked == HistoryScope::Anew {
            subscription.received = Some(ReceivedOffsets::after(&start));
            return false;
        }
        let last = frame["offset"].as_u64().unwrap_or(u64::MAX);
        match &mut subscription.received {
            Some(received) if received.epoch() == epoch && received.end() <= last => {
                let lost = since > received.end();
                received.skip_to(since);
                if first {
                    received.reach_back(since);
                }
                lost
            }
            // Another order, or one that was set back; or one that goes on from the order that was read.
            received => {
                received.replace(ReceivedOffsets::after(&start)).is_some()
                    && frame["resumed"] != true
            }
        }
    }

    /// A JOIN was refused.
    pub fn refused(&mut self, channel: &str) {
        if let Some(subscription) = self.0.get_mut(channel) {
            subscription.resuming = false;
        }
    }

    /// The user left a channel.
    pub fn left(&mut self, channel: &str) {
        let left = Subscription {
            left: true,
            ..Subscription::default()
        };
        self.0.insert(channel.to_owned(), left);
    }

    /// Whether the reader is history_given what is said in a message's channel.
    pub fn follows(&self, message: &Value) -> bool {
        let channel = message["to"].as_str().unwrap_or_default();
        let subscription = self.0.get(channel);
        subscription.is_some_and(|subscription| subscription.received.is_some())
    }

    /// Whether messages may be missing before this one that can't be had any more.
    pub fn breaks_off(&mut self, message: &ChatMessage) -> bool {
        let subscription = self
            .0
            .get_mut(&message.to)
            .filter(|subscription| subscription.rejoined);
        subscription.is_some_and(|subscription| {
            subscription.rejoined = false;
            subscription.recent.breaks_off(message)
        })
    }

    /// Whether a message is one for the reader.
    pub fn admit(&mut self, message: &ChatMessage) -> bool {
        let left = self
            .0
            .get(&message.to)
            .is_some_and(|subscription| subscription.left);
        let (Some(epoch), Some(offset)) = (&message.epoch, message.offset) else {
            // What is for one agent alone is never repeated.
            let repeated = message.to.starts_with('#');
            return !left && (!repeated || self.is_new(message));
        };
        let subscription = self.0.entry(message.to.clone()).or_default();
        if subscription.left || subscription.resuming {
            return false;
        }
        let before = Position {
            epoch: epoch.clone(),
            offset: offset.saturating_sub(1),
        };
        let received = subscription
            .received
            .get_or_insert_with(|| ReceivedOffsets::after(&before));
        if received.epoch() != epoch {
            *received = ReceivedOffsets::after(&before);
        }
        received.insert(offset)
    }
}

impl Subscriptions {
    fn is_new(&mut self, message: &ChatMessage) -> bool {
        let subscription = self.0.entry(message.to.clone()).or_default();
        // What has no id may be nothing that history has.
        let comes_again = subscription.resuming && message.msg_id.is_some() && !message.replay;
        !comes_again && subscription.recent.insert(message)
    }
}

impl Subscription {
    /// Whether a JOIN is due at a new connection, and from where. `here` is where the order stands if the server
    /// put the agent there.
    fn due(&mut self, here: Option<&Position>) -> Option<Option<Position>> {
        (self.resuming, self.rejoined) = (false, false);
        if self.left || (here.is_none() && !self.wanted && !self.history_given) {
            return None;
        }
        if self.wanted && !self.history_given {
            return Some(None);
        }
        let position = self.received.as_ref().map(ReceivedOffsets::position);
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
