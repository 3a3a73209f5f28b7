//! What was heard and not handed over yet; durable, bounded, each message once.
//!
//! A log of JSON lines on the agent's volume, replayed at start and compacted now and then. The chat server
//! stays the source of truth: what a crash loses at the log's end comes again as history, and the place in
//! the channel's order says what is known already. A message counts as handed over when the model's tool
//! call returns it, not earlier.

mod log;
mod seen;

use std::{
    collections::VecDeque,
    io,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use agentchat_client::ChatMessage;
use tokio::sync::watch;

use self::{
    log::{Log, Record},
    seen::Seen,
};

pub use self::log::Heard;

/// Messages that are kept, handed over or not; the oldest go first.
const KEPT: usize = 1000;
/// Characters of one message that are kept.
const CONTENT: usize = 16_000;

/// The inbox.
pub struct Inbox {
    state: Mutex<State>,
    arrivals: watch::Sender<u64>,
}

struct State {
    log: Log,
    /// Messages said before this are not for this agent, Unix milliseconds; 0 before the first connection.
    first: i64,
    seen: Seen,
    /// In order of arrival, with whether it was handed over.
    kept: VecDeque<(Heard, bool)>,
    /// Messages that were dropped before they were handed over.
    lost: u64,
}

/// What a listen hands over.
#[derive(Debug, Default)]
pub struct Batch {
    /// Oldest first.
    pub messages: Vec<Heard>,
    /// Messages that did not fit into the inbox since the last batch.
    pub lost: u64,
}

impl Inbox {
    /// Opens it in `folder`; waits for an earlier process that still has it, up to a few seconds.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let (log, records) = Log::open(folder)?;
        let mut state = State {
            log,
            first: 0,
            seen: Seen::default(),
            kept: VecDeque::new(),
            lost: 0,
        };
        for record in records {
            state.take_in(record);
        }
        state.bound();
        // Those were told of by the process that lost them.
        state.lost = 0;
        let (arrivals, _) = watch::channel(0);
        Ok(Self {
            state: Mutex::new(state),
            arrivals,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection stands. At the first one ever, time begins.
    pub fn connected(&self, now_ms: i64) -> io::Result<()> {
        let mut state = self.state();
        if state.first == 0 {
            state.append(Record::First { first: now_ms })?;
        }
        Ok(())
    }

    /// Takes a message in, unless it is known, or older than the first connection.
    pub fn add(&self, message: ChatMessage) -> io::Result<()> {
        let mut state = self.state();
        let old = message.replay && message.ts < state.first;
        let mut heard = Heard::from(message);
        if old || state.seen.knows(&heard) {
            return Ok(());
        }
        if let Some((end, _)) = heard.content.char_indices().nth(CONTENT) {
            heard.content.truncate(end);
            heard.content.push_str("… [cut: the message was longer]");
        }
        state.append(Record::Heard(heard))?;
        state.bound();
        drop(state);
        self.arrivals.send_modify(|n| *n += 1);
        Ok(())
    }

    /// Notices each arrival.
    pub fn arrivals(&self) -> watch::Receiver<u64> {
        self.arrivals.subscribe()
    }

    /// Whether something waits for which `wanted` holds of `to`.
    pub fn waits(&self, wanted: impl Fn(&str) -> bool) -> bool {
        self.state()
            .kept
            .iter()
            .any(|(heard, taken)| !taken && wanted(&heard.to))
    }

    /// Hands over what waits, oldest first, as far as the bounds allow; the rest waits on.
    pub fn take(
        &self,
        wanted: impl Fn(&str) -> bool,
        most: usize,
        most_chars: usize,
    ) -> io::Result<Batch> {
        let mut state = self.state();
        let mut waiting: Vec<Heard> = state
            .kept
            .iter()
            .filter(|(heard, taken)| !taken && wanted(&heard.to))
            .map(|(heard, _)| heard.clone())
            .collect();
        // After a reconnection, what was missed comes after what was said first.
        waiting.sort_by_key(|heard| heard.ts);
        let mut chars = 0;
        let fits = waiting.iter().take_while(|heard| {
            chars += heard.content.chars().count();
            chars <= most_chars
        });
        // One always fits: the content of each is bounded.
        let count = fits.count().clamp(waiting.len().min(1), most);
        waiting.truncate(count);
        state.hand_over(&waiting)?;
        let lost = std::mem::take(&mut state.lost);
        Ok(Batch {
            messages: waiting,
            lost,
        })
    }

    /// The last `count`, handed over before or not.
    pub fn tail(&self, wanted: impl Fn(&str) -> bool, count: usize) -> io::Result<Batch> {
        let mut state = self.state();
        let newest = state
            .kept
            .iter()
            .rev()
            .filter(|(heard, _)| wanted(&heard.to));
        let mut messages: Vec<Heard> = newest.take(count).map(|(heard, _)| heard.clone()).collect();
        messages.reverse();
        state.hand_over(&messages)?;
        Ok(Batch { messages, lost: 0 })
    }
}

impl State {
    fn append(&mut self, record: Record) -> io::Result<()> {
        self.log.append(&record)?;
        self.take_in(record);
        if self.log.is_long() {
            let records = self.records();
            self.log.replace(&records)?;
        }
        Ok(())
    }

    /// Changes the state as a record says; the same at start and while running.
    fn take_in(&mut self, record: Record) {
        match record {
            Record::First { first } => self.first = first,
            Record::Floor(floor) => self.seen.raise(floor),
            Record::Heard(mut heard) => {
                self.seen.add(&heard);
                let taken = std::mem::take(&mut heard.taken);
                self.kept.push_back((heard, taken));
            }
            Record::Taken { taken } => {
                for (heard, done) in &mut self.kept {
                    *done |= taken.contains(&heard.key());
                }
            }
        }
    }

    fn hand_over(&mut self, messages: &[Heard]) -> io::Result<()> {
        if messages.is_empty() {
            return Ok(());
        }
        let taken = messages.iter().map(Heard::key).collect();
        self.append(Record::Taken { taken })?;
        self.log.sync()
    }

    /// Drops the oldest that are too many.
    fn bound(&mut self) {
        while self.kept.len() > KEPT {
            if let Some((heard, taken)) = self.kept.pop_front() {
                self.seen.forget(&heard);
                self.lost += u64::from(!taken);
            }
        }
    }

    /// The state as the shortest log.
    fn records(&self) -> Vec<Record> {
        let mut records = vec![Record::First { first: self.first }];
        records.extend(self.seen.floors().map(Record::Floor));
        records.extend(self.kept.iter().map(|(heard, taken)| {
            Record::Heard(Heard {
                taken: *taken,
                ..heard.clone()
            })
        }));
        records
    }
}

#[cfg(test)]
mod tests;
