//! The youngest messages, in memory and in the journal.
//!
//! A batch puts all its messages into one row of the journal, so that what is said in many channels costs no more
//! than what is said in one. From time to time the journal is settled: see [`crate::messages`].

use std::{
    collections::{HashMap, VecDeque},
    fmt::Write,
};

use bytes::Bytes;

use crate::StoreError;

/// The journal is settled when it has this many lines…
const LINES: usize = 4096;
/// …or bytes.
const BYTES: usize = 4 * 1024 * 1024;

/// A message.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its place in the channel's order.
    pub offset: u64,
    /// When it was said, Unix milliseconds.
    pub at: i64,
    /// What is sent to readers, JSON.
    pub json: Bytes,
}

/// Messages that are not settled yet, by channel, each without a gap.
#[derive(Default)]
pub struct Tail {
    channels: HashMap<String, VecDeque<Line>>,
    /// How many lines and bytes the journal has, also for messages that were forgotten since.
    written: (usize, usize),
    /// Lines for the journal: those of the batch that is under way.
    unwritten: String,
}

impl Tail {
    /// Adds a message; `unwritten` ones are still to be written to the journal.
    pub fn add(&mut self, channel: &str, line: Line, unwritten: bool) -> Result<(), StoreError> {
        let place = || StoreError::Place(channel.to_owned(), line.offset);
        let json = std::str::from_utf8(&line.json).ok();
        let json = json.filter(|json| !json.contains('\n')).ok_or_else(place)?;
        let lines = match self.channels.get_mut(channel) {
            Some(lines) => lines,
            None => self.channels.entry(channel.to_owned()).or_default(),
        };
        if lines
            .back()
            .is_some_and(|last| last.offset + 1 != line.offset)
        {
            return Err(place());
        }
        if unwritten {
            let Line { offset, at, .. } = line;
            let before = self.unwritten.len();
            // Memory takes every write.
            let _ = writeln!(self.unwritten, "{channel} {offset} {at} {json}");
            self.written.0 += 1;
            self.written.1 += self.unwritten.len() - before;
        }
        lines.push_back(line);
        Ok(())
    }

    /// Adds what a row of the journal says, but what was forgotten since: up to an offset for each channel.
    pub fn read(&mut self, row: &str, forgotten: &HashMap<String, u64>) -> Result<(), StoreError> {
        self.written.1 += row.len();
        for line in row.lines() {
            let damaged = || StoreError::Damaged(format!("the journal says {line:?}"));
            let mut parts = line.splitn(4, ' ');
            let (Some(channel), Some(offset), Some(at), Some(json)) =
                (parts.next(), parts.next(), parts.next(), parts.next())
            else {
                return Err(damaged());
            };
            let line = Line {
                offset: offset.parse().map_err(|_| damaged())?,
                at: at.parse().map_err(|_| damaged())?,
                json: Bytes::copy_from_slice(json.as_bytes()),
            };
            self.written.0 += 1;
            if line.offset > forgotten.get(channel).copied().unwrap_or(0) {
                self.add(channel, line, false)?;
            }
        }
        Ok(())
    }

    /// What is to be written to the journal, once.
    pub fn take_unwritten(&mut self) -> String {
        std::mem::take(&mut self.unwritten)
    }

    /// Whether it is time to settle. What the journal has counts: retention keeps short only what is in memory.
    pub fn is_long(&self) -> bool {
        self.written.0 >= LINES || self.written.1 >= BYTES
    }

    /// The messages of a channel, oldest first.
    pub fn of(&self, channel: &str) -> Option<&VecDeque<Line>> {
        self.channels.get(channel).filter(|lines| !lines.is_empty())
    }

    /// All messages, by channel.
    pub fn all(&self) -> impl Iterator<Item = (&str, &VecDeque<Line>)> {
        let channels = self.channels.iter();
        channels.map(|(channel, lines)| (channel.as_str(), lines))
    }

    /// Forgets the messages of a channel up to an offset.
    pub fn forget(&mut self, channel: &str, offset: u64) {
        let Some(lines) = self.channels.get_mut(channel) else {
            return;
        };
        while lines.front().is_some_and(|line| line.offset <= offset) {
            lines.pop_front();
        }
    }
}
