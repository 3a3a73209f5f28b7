//! The youngest messages, in memory and in the journal.
//!
//! A batch puts all its messages into one row of the journal, a block for each channel, so that what is said in many
//! channels takes one write as what is said in one. A long journal is settled little by little, see
//! [`crate::messages`]: the oldest messages first, and a row is taken away once all of its blocks are settled or
//! forgotten.

use std::{
    borrow::Cow,
    collections::{BTreeSet, VecDeque},
    mem,
};

use foldhash::HashMap;
use rusqlite::types::ValueRef;

use crate::{
    block::{Block, FULL, Packer},
    error::StoreError,
    lines::{Line, Lines},
    older,
    schema::{BLOCKS, OLDER},
};

/// Blocks whose lines are shorter on average are packed anew when they are settled, all together: alone, each repeats
/// what is in all of them.
const SHORT: usize = 2 * 1024;
/// The journal is long when it has this many messages…
const MESSAGES: usize = 16 * 1024;
/// …or bytes of lines.
const BYTES: usize = 8 * 1024 * 1024;
/// So many rows are taken away at a time, at least…
const ROWS: usize = 64;
/// …or rows with so many bytes of lines.
const ROW_BYTES: usize = 256 * 1024;

/// A row of the journal.
struct Row {
    seq: i64,
    /// Messages in it…
    messages: usize,
    /// …and bytes of their lines.
    bytes: usize,
    /// Blocks that are neither settled nor forgotten.
    left: usize,
}

/// The messages of a channel, without a gap.
#[derive(Default)]
struct Channel {
    /// Each with the row that it is in.
    blocks: VecDeque<(i64, Block)>,
    /// What comes after them, of the batch that is under way.
    fresh: Lines,
}

/// Messages that are not settled yet.
#[derive(Default)]
pub struct Tail {
    channels: HashMap<String, Channel>,
    /// The channels that had fresh lines in the batch that is under way; some more than once, some have none any more.
    fresh: Vec<String>,
    /// The oldest row that each channel has a block in.
    oldest: BTreeSet<(i64, String)>,
    /// The journal's rows, and the one of the batch that is under way, if that has blocks…
    rows: VecDeque<Row>,
    /// …which are here, as they are stored.
    unwritten: Vec<u8>,
    /// Of all rows.
    messages: usize,
    bytes: usize,
    /// The number of the row of the batch that is under way.
    next: i64,
    packer: Packer,
}

/// What becomes a chunk.
pub struct Settled {
    pub channel: String,
    pub first: u64,
    pub last: u64,
    /// When the youngest message was said.
    pub youngest: i64,
    /// Bytes of the lines.
    pub bytes: usize,
    /// The blocks, as they are stored.
    pub stored: Vec<u8>,
}

impl Tail {
    /// Adds a message of the batch that is under way.
    pub fn add(&mut self, name: &str, line: Line<'_>) -> Result<(), StoreError> {
        let channel = match self.channels.get_mut(name) {
            Some(channel) => channel,
            None => self.channels.entry(name.to_owned()).or_default(),
        };
        let follows = channel.last().is_none_or(|last| last + 1 == line.offset);
        if !follows || line.json.contains('\n') {
            return Err(StoreError::OutOfOrder(name.to_owned(), line.offset));
        }
        if channel.fresh.is_empty() {
            // Likely to be as much as the last time.
            let usual = channel.blocks.back().map_or(0, |(_, block)| block.bytes);
            channel.fresh = Lines::with_capacity(FULL.min(usual as usize));
            self.fresh.push(name.to_owned());
        }
        channel.fresh.push(line);
        if channel.fresh.text.len() >= FULL {
            self.pack(name)?;
        }
        Ok(())
    }

    /// Makes a block of what is fresh in a channel.
    fn pack(&mut self, name: &str) -> Result<(), StoreError> {
        let channel = self.channels.get_mut(name);
        let lines = channel.map(|channel| mem::take(&mut channel.fresh));
        let Some(lines) = lines.filter(|lines| !lines.is_empty()) else {
            return Ok(());
        };
        let misplaced = || StoreError::OutOfOrder(name.to_owned(), lines.first);
        let block = self.packer.pack(&lines).ok_or_else(misplaced)?;
        let length = u16::try_from(name.len()).map_err(|_| misplaced())?;
        self.unwritten.extend(length.to_le_bytes());
        self.unwritten.extend(name.as_bytes());
        self.unwritten.extend_from_slice(&block.stored);
        if self.rows.back().is_none_or(|row| row.seq != self.next) {
            self.rows.push_back(Row::new(self.next));
        }
        self.count(block.count as usize, block.bytes as usize);
        self.keep(name, block)
    }

    /// Counts messages of the youngest row.
    fn count(&mut self, messages: usize, bytes: usize) {
        if let Some(row) = self.rows.back_mut() {
            row.messages += messages;
            row.bytes += bytes;
        }
        self.messages += messages;
        self.bytes += bytes;
    }

    /// Keeps a block of the youngest row.
    fn keep(&mut self, name: &str, block: Block) -> Result<(), StoreError> {
        let Some(row) = self.rows.back_mut() else {
            return Ok(());
        };
        let channel = match self.channels.get_mut(name) {
            Some(channel) => channel,
            None => self.channels.entry(name.to_owned()).or_default(),
        };
        match channel.last() {
            Some(last) if last + 1 != block.first => {
                return Err(StoreError::OutOfOrder(name.to_owned(), block.first));
            }
            Some(_) => {}
            None => {
                self.oldest.insert((row.seq, name.to_owned()));
            }
        }
        row.left += 1;
        channel.blocks.push_back((row.seq, block));
        Ok(())
    }

    /// Adds a row of the journal, in one of the [forms](crate::schema), without what was settled or forgotten: of a
    /// channel, `known` gives an offset up to which all messages are. What is damaged is found here, and not when it is
    /// too late.
    pub fn read(
        &mut self,
        seq: i64,
        form: i64,
        stored: ValueRef<'_>,
        mut known: impl FnMut(&str) -> Result<u64, StoreError>,
    ) -> Result<(), StoreError> {
        let damaged = || damaged(seq);
        self.next = seq + 1;
        self.rows.push_back(Row::new(seq));
        match (form, stored) {
            (OLDER, stored) => {
                let text = older::text(stored).ok_or_else(damaged)?;
                self.count(text.split_terminator('\n').count(), text.len());
                for (name, lines) in older::journal(&text, &mut known)? {
                    let block = self.packer.pack(&lines).ok_or_else(damaged)?;
                    self.keep(&name, block)?;
                }
            }
            (BLOCKS, ValueRef::Blob(mut stored)) => {
                while !stored.is_empty() {
                    let (name, block, rest) = named(stored).ok_or_else(damaged)?;
                    self.count(block.count as usize, block.bytes as usize);
                    block.lines().ok_or_else(damaged)?;
                    if block.last() > known(name)? {
                        self.keep(name, block)?;
                    }
                    stored = rest;
                }
            }
            _ => return Err(damaged()),
        }
        Ok(())
    }

    /// What is to be written to the journal: the row's number, and its blocks; none when there were no messages.
    pub fn unwritten(&mut self) -> Result<Option<(i64, &[u8])>, StoreError> {
        for name in mem::take(&mut self.fresh) {
            self.pack(&name)?;
        }
        let there = !self.unwritten.is_empty();
        Ok(there.then_some((self.next, &self.unwritten)))
    }

    /// The row of the batch that is under way is in the journal now; gives the bytes of its lines.
    pub fn written(&mut self) -> usize {
        let row = self.rows.back().filter(|row| row.seq == self.next);
        let bytes = row.map_or(0, |row| row.bytes);
        self.next += 1;
        // The next is likely to be about as long.
        let usual = 2 * self.unwritten.len();
        self.unwritten.clear();
        self.unwritten.shrink_to(usual);
        bytes
    }

    /// Whether it is time to settle some.
    pub fn is_long(&self) -> bool {
        self.messages >= MESSAGES || self.bytes >= BYTES
    }

    /// The number up to which rows can be taken away, when these are some: they are as good as gone.
    pub fn take_rows(&mut self) -> Option<i64> {
        let free = self.rows.iter().take_while(|row| row.left == 0);
        let (count, bytes) =
            free.fold((0, 0), |(count, bytes), row| (count + 1, bytes + row.bytes));
        if count < ROWS && bytes < ROW_BYTES {
            return None;
        }
        let mut last = None;
        for row in self.rows.drain(..count) {
            self.messages -= row.messages;
            self.bytes -= row.bytes;
            last = Some(row.seq);
        }
        last
    }

    /// Offset of the last message of a channel.
    pub fn last(&self, name: &str) -> Option<u64> {
        self.channels.get(name)?.last()
    }

    /// Offset of the first message of a channel after another.
    pub fn first(&self, name: &str, after: u64) -> Option<u64> {
        let channel = self.channels.get(name)?;
        let first = match channel.blocks.front() {
            Some((_, block)) => block.first,
            None => channel.fresh.first,
        };
        // Without a gap.
        let first = first.max(after.saturating_add(1));
        (first <= channel.last()?).then_some(first)
    }

    /// The messages of a channel from about an offset on, oldest first, some at a time: those up to the offset that are
    /// among the first were packed with the next.
    pub fn after(
        &self,
        name: &str,
        offset: u64,
    ) -> impl Iterator<Item = Result<Cow<'_, Lines>, StoreError>> {
        let channel = self.channels.get(name);
        let before = |(_, block): &(_, Block)| block.last() <= offset;
        let first = channel.map_or(0, |channel| channel.blocks.partition_point(before));
        pieces(channel, first, |_| true)
    }

    /// The messages of a channel, oldest first, some at a time, without those that were packed with no message of this
    /// time or later.
    pub fn since(
        &self,
        name: &str,
        at: i64,
    ) -> impl Iterator<Item = Result<Cow<'_, Lines>, StoreError>> {
        pieces(self.channels.get(name), 0, move |youngest| youngest >= at)
    }

    /// Takes the oldest messages of the channel that has the oldest one out, as many as a chunk has.
    pub fn settle(&mut self) -> Result<Option<Settled>, StoreError> {
        let Some((_, name)) = self.oldest.first().cloned() else {
            return Ok(None);
        };
        let taken = self.take(&name, |before, _| before < FULL);
        let (Some((_, first)), Some((_, last))) = (taken.first(), taken.last()) else {
            return Ok(None);
        };
        let blocks = taken.iter().map(|(_, block)| block);
        let bytes = blocks.clone().map(|block| block.bytes as usize).sum();
        let stored = if taken.len() > 1 && bytes < taken.len() * SHORT {
            let mut all = Lines::with_capacity(bytes);
            for (seq, block) in &taken {
                all.extend(&unpack(*seq, block)?);
            }
            let block = self.packer.pack(&all);
            let misplaced = || StoreError::OutOfOrder(name.clone(), all.first);
            block.ok_or_else(misplaced)?.stored.into()
        } else {
            let stored: Vec<_> = blocks.clone().map(|block| &*block.stored).collect();
            stored.concat()
        };
        Ok(Some(Settled {
            first: first.first,
            last: last.last(),
            youngest: blocks.fold(first.youngest, |all, block| all.max(block.youngest)),
            bytes,
            stored,
            channel: name,
        }))
    }

    /// Lets go of messages of a channel up to an offset; some of them may stay.
    pub fn forget(&mut self, name: &str, last: u64) {
        self.take(name, |_, block| block.last() <= last);
    }

    /// Takes the oldest blocks of a channel out, with their rows: as long as they are wanted, given the bytes of the lines
    /// of those before.
    fn take(&mut self, name: &str, wanted: impl Fn(usize, &Block) -> bool) -> Vec<(i64, Block)> {
        let Some(channel) = self.channels.get_mut(name) else {
            return vec![];
        };
        let mut before = 0;
        let count = channel.blocks.iter().take_while(|(_, block)| {
            let wanted = wanted(before, block);
            before += block.bytes as usize;
            wanted
        });
        let count = count.count();
        let was_in = channel.blocks.front().map(|(seq, _)| *seq);
        let taken: Vec<_> = channel.blocks.drain(..count).collect();
        for (seq, _) in &taken {
            let row = self.rows.binary_search_by_key(seq, |row| row.seq);
            if let Some(row) = row.ok().and_then(|at| self.rows.get_mut(at)) {
                row.left -= 1;
            }
        }
        let is_in = channel.blocks.front().map(|(seq, _)| *seq);
        if is_in.is_none() && channel.fresh.is_empty() {
            self.channels.remove(name);
        }
        if is_in != was_in {
            let of = |seq: i64| (seq, name.to_owned());
            if let Some(was_in) = was_in {
                self.oldest.remove(&of(was_in));
            }
            self.oldest.extend(is_in.map(of));
        }
        taken
    }
}

impl Channel {
    /// Offset of the last message.
    fn last(&self) -> Option<u64> {
        let packed = || self.blocks.back().map(|(_, block)| block.last());
        self.fresh.last().or_else(packed)
    }
}

impl Row {
    fn new(seq: i64) -> Self {
        Self {
            seq,
            messages: 0,
            bytes: 0,
            left: 0,
        }
    }
}

/// The channel's name and the block that come first in what is stored of a row, and what follows them; none when they
/// are damaged.
fn named(stored: &[u8]) -> Option<(&str, Block, &[u8])> {
    let (length, rest) = stored.split_first_chunk()?;
    let (name, rest) = rest.split_at_checked(u16::from_le_bytes(*length).into())?;
    let (block, rest) = Block::read(rest)?;
    Some((std::str::from_utf8(name).ok()?, block, rest))
}

/// The messages of a channel from a block on, of those whose youngest message has a time that is wanted.
fn pieces(
    channel: Option<&Channel>,
    first: usize,
    wanted: impl Fn(i64) -> bool + Copy,
) -> impl Iterator<Item = Result<Cow<'_, Lines>, StoreError>> {
    let blocks = channel.map(|channel| channel.blocks.range(first..));
    let blocks = blocks.into_iter().flatten();
    let fresh = channel.map(|channel| &channel.fresh);
    let fresh = fresh.filter(|fresh| !fresh.is_empty() && wanted(fresh.youngest));
    blocks
        .filter(move |(_, block)| wanted(block.youngest))
        .map(|(seq, block)| Ok(Cow::Owned(unpack(*seq, block)?)))
        .chain(fresh.map(|fresh| Ok(Cow::Borrowed(fresh))))
}

/// The lines of a block of a row.
fn unpack(seq: i64, block: &Block) -> Result<Lines, StoreError> {
    block.lines().ok_or_else(|| damaged(seq))
}

fn damaged(seq: i64) -> StoreError {
    StoreError::Damaged(format!("row {seq} of the journal can't be read"))
}
