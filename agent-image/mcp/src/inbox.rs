//! What was heard and not handed over yet; durable, bounded, each message once.
//!
//! A log of JSON lines on the agent's volume, replayed at start and compacted now and then. The chat server
//! stays the source of truth: what a crash loses at the log's end comes again as history, and the place in
//! the channel's order says what is known already.
//!
//! A message counts as handed over when the caller that got it has lived on for a moment, or has called again:
//! Claude Code that is killed before it has written down what a tool returned does not know of it. So a message
//! may come twice, and then says so, but is never lost.

mod inbound_message;
mod known;
mod log;

use std::{
    collections::VecDeque,
    io,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use agentchat_client::ChatMessage;
use tokio::sync::watch;

use self::{
    known::KnownMessages,
    log::{Log, Record},
};

pub use self::inbound_message::InboundMessage;

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
    known: KnownMessages,
    /// In order of arrival.
    kept: VecDeque<(InboundMessage, Stage)>,
    /// Messages that were dropped before they were handed over.
    lost: u64,
}

/// How far a message has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Waiting,
    /// Waits; a caller that is gone may have got it.
    Again,
    /// A caller has got it, and may be gone.
    Handed,
    Taken,
}

impl Stage {
    fn waits(self) -> bool {
        matches!(self, Self::Waiting | Self::Again)
    }
}

/// What a listen hands over.
#[derive(Debug, Default)]
pub struct Batch {
    /// Oldest first, each with whether a caller that is gone may have got it.
    pub messages: Vec<(InboundMessage, bool)>,
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
            known: KnownMessages::default(),
            kept: VecDeque::new(),
            lost: 0,
        };
        for record in records {
            state.take_in(record);
        }
        for (_, stage) in &mut state.kept {
            if *stage == Stage::Handed {
                *stage = Stage::Again;
            }
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
        let mut inbound = InboundMessage::from(message);
        if old || state.known.knows(&inbound) {
            return Ok(());
        }
        if let Some((end, _)) = inbound.content.char_indices().nth(CONTENT) {
            inbound.content.truncate(end);
            inbound.content.push_str("… [cut: the message was longer]");
        }
        state.append(Record::Message(inbound))?;
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
            .any(|(inbound, stage)| stage.waits() && wanted(&inbound.to))
    }

    /// Hands over what waits, oldest first, as far as the bounds allow; the rest waits on.
    pub fn take(
        &self,
        wanted: impl Fn(&str) -> bool,
        most: usize,
        most_chars: usize,
    ) -> io::Result<Batch> {
        let mut state = self.state();
        let mut waiting: Vec<(InboundMessage, bool)> = state
            .kept
            .iter()
            .filter(|(inbound, stage)| stage.waits() && wanted(&inbound.to))
            .map(|(inbound, stage)| (inbound.clone(), *stage == Stage::Again))
            .collect();
        // After a reconnection, what was missed comes after what was said first.
        waiting.sort_by_key(|(inbound, _)| inbound.ts);
        let mut chars = 0;
        let fits = waiting.iter().take_while(|(inbound, _)| {
            chars += inbound.content.chars().count();
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
            .filter(|(inbound, _)| wanted(&inbound.to));
        let mut messages: Vec<_> = newest
            .take(count)
            .map(|(inbound, _)| (inbound.clone(), false))
            .collect();
        messages.reverse();
        state.hand_over(&messages)?;
        Ok(Batch { messages, lost: 0 })
    }

    /// The caller that got the last batches knows what is in them.
    pub fn confirm(&self) -> io::Result<()> {
        let mut state = self.state();
        let taken = state.keys(|stage| stage == Stage::Handed);
        if taken.is_empty() {
            return Ok(());
        }
        state.append(Record::Taken { taken })?;
        state.log.sync()
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
            Record::Floor(floor) => self.known.raise(floor),
            Record::Message(mut inbound) => {
                self.known.add(&inbound);
                let taken = std::mem::take(&mut inbound.taken);
                self.kept
                    .push_back((inbound, if taken { Stage::Taken } else { Stage::Waiting }));
            }
            Record::Handed { handed } => self.set(&handed, Stage::Handed),
            Record::Taken { taken } => self.set(&taken, Stage::Taken),
        }
    }

    fn set(&mut self, keys: &[String], to: Stage) {
        for (inbound, stage) in &mut self.kept {
            if *stage != Stage::Taken && keys.contains(&inbound.key()) {
                *stage = to;
            }
        }
    }

    fn keys(&self, of: impl Fn(Stage) -> bool) -> Vec<String> {
        self.kept
            .iter()
            .filter(|(_, stage)| of(*stage))
            .map(|(inbound, _)| inbound.key())
            .collect()
    }

    fn hand_over(&mut self, messages: &[(InboundMessage, bool)]) -> io::Result<()> {
        if messages.is_empty() {
            return Ok(());
        }
        let handed = messages.iter().map(|(inbound, _)| inbound.key()).collect();
        self.append(Record::Handed { handed })
    }

    /// Drops the oldest that are too many.
    fn bound(&mut self) {
        while self.kept.len() > KEPT {
            if let Some((inbound, stage)) = self.kept.pop_front() {
                self.known.forget(&inbound);
                self.lost += u64::from(stage.waits());
            }
        }
    }

    /// The state as the shortest log.
    fn records(&self) -> Vec<Record> {
        let mut records = vec![Record::First { first: self.first }];
        records.extend(self.known.floors().map(Record::Floor));
        records.extend(self.kept.iter().map(|(inbound, stage)| {
            Record::Message(InboundMessage {
                taken: *stage == Stage::Taken,
                ..inbound.clone()
            })
        }));
        let handed = self.keys(|stage| matches!(stage, Stage::Handed | Stage::Again));
        records.push(Record::Handed { handed });
        records
    }
}

#[cfg(test)]
mod tests;
