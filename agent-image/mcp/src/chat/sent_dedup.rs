//! What the agent itself has said lately, by the server's account.
//!
//! When Claude Code is killed between an answer and its record of it, the resumed session gives the same answer
//! again. The server knows better: one's own messages come back as history.

use std::{
    collections::VecDeque,
    hash::{DefaultHasher, Hash, Hasher},
};

/// Answers that are remembered.
const REMEMBERED: usize = 256;

/// The latest answers.
#[derive(Default)]
pub struct SentDedup(VecDeque<(u64, String)>);

impl SentDedup {
    /// Notes a message of one's own that answers another.
    pub fn note(&mut self, to: &str, in_reply_to: &str, content: &str, msg_id: &str) {
        if self.find(to, in_reply_to, content).is_none() {
            self.0
                .push_back((mark(to, in_reply_to, content), msg_id.to_owned()));
            if self.0.len() > REMEMBERED {
                self.0.pop_front();
            }
        }
    }

    /// The message that says this already, if there is one.
    pub fn find(&self, to: &str, in_reply_to: &str, content: &str) -> Option<&str> {
        let wanted = mark(to, in_reply_to, content);
        self.0
            .iter()
            .find(|(mark, _)| *mark == wanted)
            .map(|(_, id)| id.as_str())
    }
}

fn mark(to: &str, in_reply_to: &str, content: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (to, in_reply_to, content).hash(&mut hasher);
    hasher.finish()
}
