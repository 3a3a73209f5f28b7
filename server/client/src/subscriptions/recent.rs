//! Which messages of a channel without an order the reader has had.
//!
//! Servers that give no offsets repeat all the history they have after each JOIN. Messages are told apart by their
//! ids, and the server's notices, which have none, by time and words: history keeps both.

use std::{
    collections::{HashSet, VecDeque, hash_map::RandomState},
    hash::BuildHasher,
};

use crate::ChatMessage;

/// Messages that are remembered of a channel, ten times what servers keep by default.
const REMEMBERED: usize = 2048;

/// Messages that the reader has had.
#[derive(Default)]
pub struct RecentMessages {
    keys: HashSet<u64>,
    /// The same, oldest first, with their times.
    order: VecDeque<(u64, i64)>,
    random: RandomState,
    /// Up to when messages are forgotten: history of that time was heard.
    forgotten: i64,
    /// When the newest one was said that history has.
    newest: i64,
}

impl RecentMessages {
    /// Takes a message in; false when the reader has had it.
    pub fn insert(&mut self, message: &ChatMessage) -> bool {
        let key = self.key(message);
        // Who says the same again means it; only history repeats what has no id.
        let repeats = message.replay || message.msg_id.is_some();
        if repeats && self.knows(message) {
            return false;
        }
        if message.replay || message.msg_id.is_some() {
            self.newest = self.newest.max(message.ts);
        }
        if self.keys.insert(key) {
            self.order.push_back((key, message.ts));
        }
        if self.order.len() > REMEMBERED
            && let Some((key, ts)) = self.order.pop_front()
        {
            self.keys.remove(&key);
            self.forgotten = self.forgotten.max(ts);
        }
        true
    }

    /// Whether history that begins with this message may have a gap before it: it begins after what was heard.
    pub fn breaks_off(&self, first: &ChatMessage) -> bool {
        let continues = first.replay && (self.knows(first) || first.ts <= self.newest);
        self.newest > 0 && !continues
    }

    fn knows(&self, message: &ChatMessage) -> bool {
        let forgotten = message.replay && message.ts <= self.forgotten;
        forgotten || self.keys.contains(&self.key(message))
    }

    fn key(&self, message: &ChatMessage) -> u64 {
        match &message.msg_id {
            Some(id) => self.random.hash_one(id),
            None => self
                .random
                .hash_one((&message.from, message.ts, &message.content)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: Option<&str>, ts: i64, replay: bool) -> ChatMessage {
        let value = serde_json::json!({"from": "@a", "to": "#a", "content": "x", "ts": ts,
            "msg_id": id, "replay": replay});
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn repeated_history_is_dropped_and_repeated_texts_are_not() {
        let mut recent = RecentMessages::default();
        assert!(recent.insert(&message(Some("1"), 10, false)));
        assert!(!recent.insert(&message(Some("1"), 10, true)));
        assert!(!recent.insert(&message(Some("1"), 10, false)));
        assert!(recent.insert(&message(None, 11, false)));
        assert!(recent.insert(&message(None, 11, false)));
        assert!(!recent.insert(&message(None, 11, true)));
        assert!(recent.insert(&message(None, 12, true)));
        assert!(recent.insert(&message(Some("2"), 10, true)));
    }

    #[test]
    fn forgotten_message_is_not_given_again_as_history() {
        let mut recent = RecentMessages::default();
        let id = |n: i64| n.to_string();
        let last = i64::try_from(REMEMBERED).unwrap() + 500;
        for n in 1..=last {
            assert!(recent.insert(&message(Some(&id(n)), n, false)));
        }
        assert!((1..=last).all(|n| !recent.insert(&message(Some(&id(n)), n, true))));
        assert_eq!(recent.keys.len(), REMEMBERED);
    }

    #[test]
    fn history_that_begins_after_what_was_heard_may_have_a_gap() {
        let mut recent = RecentMessages::default();
        assert!(!recent.breaks_off(&message(Some("5"), 50, true)));
        recent.insert(&message(Some("1"), 10, false));
        assert!(!recent.breaks_off(&message(Some("0"), 5, true)));
        assert!(!recent.breaks_off(&message(Some("1"), 10, true)));
        assert!(recent.breaks_off(&message(Some("5"), 50, true)));
        // Nothing was repeated at all.
        assert!(recent.breaks_off(&message(Some("5"), 50, false)));
    }
}
