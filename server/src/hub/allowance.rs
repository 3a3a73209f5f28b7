//! How much and how often: frames and bytes of a connection, and what an agent does.

use std::collections::{HashMap, VecDeque};

use super::Hub;
use crate::frame::{Refusal, now_ms};

/// What a connection sent of late: when, and how many bytes.
#[derive(Default)]
pub struct Spent {
    frames: VecDeque<(i64, usize)>,
    /// What its agent sent over another connection: counts in bytes.
    earlier: VecDeque<(i64, usize)>,
    bytes: usize,
}

/// What agents sent whose connections ended: a new one does not reset it.
#[derive(Default)]
pub struct Past(HashMap<String, Spent>);

impl Past {
    pub fn keep(&mut self, agent: String, spent: Spent, now: i64, window: i64) {
        if self.0.len() >= REMEMBERED && self.0.len().is_power_of_two() {
            let recent = |spent: &Spent| spent.last().is_some_and(|at| now - at <= window);
            self.0.retain(|_, spent| recent(spent));
        }
        if spent.bytes > 0 {
            self.0.insert(agent, spent);
        }
    }

    /// Adds to a connection what its agent sent before.
    pub fn charge(&mut self, agent: &str, spent: &mut Spent) {
        if let Some(old) = self.0.remove(agent) {
            spent.bytes += old.bytes;
            spent.earlier = old.earlier.into_iter().chain(old.frames).collect();
        }
    }
}

impl Spent {
    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn is_empty(&self) -> bool {
        self.last().is_none()
    }

    fn last(&self) -> Option<i64> {
        let last = self.frames.back().or(self.earlier.back());
        last.map(|(at, _)| *at)
    }

    /// Counts a frame; false when there were too many, or too much. A limit of 0 is none.
    fn count(&mut self, now: i64, window: i64, size: usize, frames: usize, bytes: usize) -> bool {
        for queue in [&mut self.frames, &mut self.earlier] {
            while let Some((at, size)) = queue.front().copied()
                && now - at > window
            {
                queue.pop_front();
                self.bytes -= size;
            }
        }
        if frames == 0 && bytes == 0 {
            return true;
        }
        self.frames.push_back((now, size));
        self.bytes += size;
        (frames == 0 || self.frames.len() <= frames) && (bytes == 0 || self.bytes <= bytes)
    }
}

/// What has an interval of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Act {
    Message,
    Nick,
    Chunk,
}

/// When each agent last did something. A new connection does not reset it.
#[derive(Default)]
pub struct Clocks(HashMap<(String, Act), i64>);

/// Entries before the old ones are looked for.
const REMEMBERED: usize = 4096;

impl Clocks {
    /// Whether an agent may do something now; from then on its time runs anew.
    fn run(&mut self, agent: &str, act: Act, interval: i64, now: i64, longest: i64) -> bool {
        if interval <= 0 {
            return true;
        }
        if self.0.len() >= REMEMBERED && self.0.len().is_power_of_two() {
            self.0.retain(|_, at| now - *at < longest);
        }
        match self.0.get_mut(&(agent.to_owned(), act)) {
            Some(at) if now - *at < interval => false,
            Some(at) => {
                *at = now;
                true
            }
            None => {
                self.0.insert((agent.to_owned(), act), now);
                true
            }
        }
    }
}

impl Hub {
    /// Counts a frame; false when there were too many.
    pub(super) fn within_rate(&mut self, id: u64, size: usize) -> bool {
        let limits = &self.settings.limits;
        let Some(peer) = self.peers.get_mut(&id) else {
            return true;
        };
        let (frames, bytes) = match peer.agent() {
            Some(_) => (limits.frames, limits.bytes),
            None => (limits.early_frames, limits.early_bytes),
        };
        let (window, unlimited) = (limits.window_ms, frames == 0 && bytes == 0);
        // What was counted before there was no limit is forgotten when it is old.
        (unlimited && peer.spent.is_empty())
            || peer.spent.count(now_ms(), window, size, frames, bytes)
    }

    /// `RATE_LIMITED` when an agent does something too often.
    pub(super) fn in_time(&mut self, id: u64, act: Act) -> Result<(), Refusal> {
        let limits = &self.settings.limits;
        let (what, interval) = match act {
            Act::Message => ("message", limits.message_ms),
            Act::Nick => ("change of nick", limits.nick_ms),
            Act::Chunk => ("chunk", limits.chunk_ms),
        };
        if interval <= 0 {
            return Ok(());
        }
        let longest = limits.message_ms.max(limits.nick_ms).max(limits.chunk_ms);
        let Some(agent) = self.peers.get(&id).and_then(|peer| peer.agent()) else {
            return Ok(());
        };
        match self.clocks.run(&agent.id, act, interval, now_ms(), longest) {
            true => Ok(()),
            false => Err(("RATE_LIMITED", format!("one {what} in {interval} ms"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_and_bytes_count_over_a_sliding_window() {
        let mut spent = Spent::default();
        let mut count = |now, size| spent.count(now, 10, size, 3, 100);
        assert!(count(0, 10) && count(1, 10) && count(2, 10) && !count(3, 10));
        // The first is outside the window now, and there were three since.
        assert!(!count(11, 10));
        assert!(count(30, 100) && !count(31, 1));
        assert!(count(45, 100));
        let mut free = Spent::default();
        assert!((0..1000).all(|now| free.count(now, 10, 1 << 20, 0, 0)));
    }

    #[test]
    fn an_agent_waits_between_two_acts_and_a_refused_one_does_not_count() {
        let mut clocks = Clocks::default();
        let mut run = |agent, act, now| clocks.run(agent, act, 10, now, 30);
        assert!(run("a", Act::Message, 0) && !run("a", Act::Message, 9));
        assert!(run("b", Act::Message, 9) && run("a", Act::Chunk, 9));
        assert!(run("a", Act::Message, 10));
        assert!(clocks.run("a", Act::Message, -1, 10, 30));
    }

    #[test]
    fn what_was_sent_over_an_earlier_connection_counts_in_bytes_for_a_window() {
        let (mut past, window) = (Past::default(), 10);
        let mut first = Spent::default();
        assert!(first.count(0, window, 60, 3, 100) && first.count(5, window, 20, 3, 100));
        past.keep("a".into(), first, 5, window);
        let mut second = Spent::default();
        past.charge("b", &mut second);
        past.charge("a", &mut second);
        for now in 6..9 {
            assert!(
                second.count(now, window, 6, 3, 100),
                "frames are the connection's"
            );
        }
        assert!(!second.count(9, window, 3, 0, 100));
        // What was sent first is over.
        assert!(second.count(11, window, 50, 0, 100) && !second.count(15, window, 50, 0, 100));
        for n in 0..100_000_i64 {
            let mut spent = Spent::default();
            spent.count(n, window, 1, 3, 100);
            past.keep(n.to_string(), spent, n, window);
        }
        assert!(past.0.len() <= 2 * REMEMBERED, "{}", past.0.len());
    }

    #[test]
    fn what_is_long_past_is_forgotten() {
        let mut clocks = Clocks::default();
        for n in 0..100_000_i64 {
            assert!(clocks.run(&n.to_string(), Act::Nick, 10, n, 30));
        }
        assert!(clocks.0.len() <= 2 * REMEMBERED, "{}", clocks.0.len());
    }
}
