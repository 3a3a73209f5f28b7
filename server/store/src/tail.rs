//! The youngest messages, in memory and in the journal.
//!
//! A batch puts all its messages into one row of the journal, so that what is said in many channels costs no more
//! than what is said in one. A long journal is settled little by little, see [`crate::messages`]: the oldest
//! messages first, and a row is taken away once all of its messages are settled or forgotten.

use std::collections::{BTreeSet, HashMap, VecDeque};

use bytes::Bytes;

use crate::StoreError;

/// The journal is long when it has this many lines…
const LINES: usize = 32 * 1024;
/// …or bytes.
const BYTES: usize = 8 * 1024 * 1024;
/// So many rows are taken away at a time, at least…
const ROWS: usize = 64;
/// …or rows with so many bytes.
const ROW_BYTES: usize = 256 * 1024;

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

/// A row of the journal.
struct Row {
    seq: i64,
    /// All of its lines.
    lines: usize,
    bytes: usize,
    /// Lines that are neither settled nor forgotten.
    left: usize,
}

/// Messages that are not settled yet, by channel, each without a gap.
#[derive(Default)]
pub struct Tail {
    /// The lines of each channel, with the row that each is in.
    channels: HashMap<String, VecDeque<(Line, i64)>>,
    /// The oldest row that each channel has a line in.
    oldest: BTreeSet<(i64, String)>,
    /// The journal's rows, and the one of the batch that is under way, if it has lines.
    rows: VecDeque<Row>,
    /// Of all rows.
    lines: usize,
    bytes: usize,
    /// The row of the batch that is under way.
    unwritten: String,
    /// Its place.
    next: i64,
}

impl Tail {
    /// Adds a message of the batch that is under way.
    pub fn add(&mut self, channel: &str, line: Line) -> Result<(), StoreError> {
        let place = || StoreError::Place(channel.to_owned(), line.offset);
        let json = std::str::from_utf8(&line.json).ok();
        let json = json.filter(|json| !json.contains('\n')).ok_or_else(place)?;
        let before = self.unwritten.len();
        let (mut offset, mut at) = (itoa::Buffer::new(), itoa::Buffer::new());
        let (offset, at) = (offset.format(line.offset), at.format(line.at));
        for part in [channel, " ", offset, " ", at, " ", json, "\n"] {
            self.unwritten.push_str(part);
        }
        let bytes = self.unwritten.len() - before;
        self.count(self.next, bytes);
        // Without the frames beside it, with which it shares its memory.
        let json = Bytes::copy_from_slice(&line.json);
        self.keep(channel, Line { json, ..line }, self.next)
    }

    /// Adds a row of the journal, without what was settled or forgotten: `known` gives an offset up to which all
    /// of a channel is.
    pub fn read(
        &mut self,
        seq: i64,
        row: &str,
        mut known: impl FnMut(&str) -> Result<u64, StoreError>,
    ) -> Result<(), StoreError> {
        self.next = seq + 1;
        for line in row.split_inclusive('\n') {
            let damaged = || StoreError::Damaged(format!("the journal says {line:?}"));
            let mut parts = line.trim_end_matches('\n').splitn(4, ' ');
            let (Some(channel), Some(offset), Some(at), Some(json)) =
                (parts.next(), parts.next(), parts.next(), parts.next())
            else {
                return Err(damaged());
            };
            let read = Line {
                offset: offset.parse().map_err(|_| damaged())?,
                at: at.parse().map_err(|_| damaged())?,
                json: Bytes::copy_from_slice(json.as_bytes()),
            };
            self.count(seq, line.len());
            match read.offset > known(channel)? {
                true => self.keep(channel, read, seq)?,
                false => self.done(seq),
            }
        }
        Ok(())
    }

    /// Counts a line of the last row.
    fn count(&mut self, seq: i64, bytes: usize) {
        if self.rows.back().is_none_or(|row| row.seq != seq) {
            self.rows.push_back(Row {
                seq,
                lines: 0,
                bytes: 0,
                left: 0,
            });
        }
        if let Some(row) = self.rows.back_mut() {
            row.lines += 1;
            row.bytes += bytes;
            row.left += 1;
        }
        self.lines += 1;
        self.bytes += bytes;
    }

    fn keep(&mut self, channel: &str, line: Line, seq: i64) -> Result<(), StoreError> {
        let lines = match self.channels.get_mut(channel) {
            Some(lines) => lines,
            None => self.channels.entry(channel.to_owned()).or_default(),
        };
        match lines.back() {
            Some((last, _)) if last.offset + 1 != line.offset => {
                return Err(StoreError::Place(channel.to_owned(), line.offset));
            }
            Some(_) => {}
            None => {
                self.oldest.insert((seq, channel.to_owned()));
            }
        }
        lines.push_back((line, seq));
        Ok(())
    }

    /// A line of a row is settled or forgotten.
    fn done(&mut self, seq: i64) {
        let at = self.rows.partition_point(|row| row.seq < seq);
        if let Some(row) = self.rows.get_mut(at) {
            row.left -= 1;
        }
    }

    /// What is to be written to the journal, once: the row's place, and its lines.
    pub fn take_unwritten(&mut self) -> (i64, String) {
        let row = (self.next, std::mem::take(&mut self.unwritten));
        if !row.1.is_empty() {
            self.next += 1;
        }
        row
    }

    /// Whether it is time to settle some.
    pub fn is_long(&self) -> bool {
        self.lines >= LINES || self.bytes >= BYTES
    }

    /// The channel that has the oldest message.
    pub fn oldest(&self) -> Option<&str> {
        self.oldest.first().map(|(_, channel)| channel.as_str())
    }

    /// The place up to which rows can be taken away, when these are some: they are as good as gone.
    pub fn take_rows(&mut self) -> Option<i64> {
        let free = self.rows.iter().take_while(|row| row.left == 0);
        let (count, bytes) =
            free.fold((0, 0), |(count, bytes), row| (count + 1, bytes + row.bytes));
        if count < ROWS && bytes < ROW_BYTES {
            return None;
        }
        let mut last = None;
        for row in self.rows.drain(..count) {
            self.lines -= row.lines;
            self.bytes -= row.bytes;
            last = Some(row.seq);
        }
        last
    }

    /// The messages of a channel, oldest first.
    pub fn of(&self, channel: &str) -> impl DoubleEndedIterator<Item = &Line> {
        let lines = self.channels.get(channel).into_iter().flatten();
        lines.map(|(line, _)| line)
    }

    /// Takes the oldest message of a channel out, if it passes.
    pub fn pop(&mut self, channel: &str, pass: impl FnOnce(&Line) -> bool) -> Option<Line> {
        let lines = self.channels.get_mut(channel)?;
        let (line, seq) = lines.pop_front_if(|(line, _)| pass(line))?;
        let next = lines.front().map(|(_, seq)| *seq);
        if next.is_none() {
            self.channels.remove(channel);
        }
        if next != Some(seq) {
            self.oldest.remove(&(seq, channel.to_owned()));
            self.oldest
                .extend(next.map(|next| (next, channel.to_owned())));
        }
        self.done(seq);
        Some(line)
    }
}
