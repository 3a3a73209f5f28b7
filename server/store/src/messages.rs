//! Messages of channels, in their order, and how long they are kept.
//!
//! The youngest are in the journal, see [`crate::tail`]; those before them are in chunks: a row for many messages
//! of one channel, a line each: when it was said, a blank, and the JSON. Settling makes chunks of the journal. Both are
//! stored as [`crate::lines`] says.

use std::collections::HashMap;

use bytes::Bytes;
use rusqlite::{OptionalExtension, params};

use crate::{
    Store, StoreError, lines,
    tail::{Line, Tail},
};

/// A chunk takes no more messages when it has this many bytes.
const CHUNK: usize = 16 * 1024;

/// Some messages of a channel in a row.
pub(crate) struct Chunk {
    pub first: u64,
    pub lines: String,
}

impl Chunk {
    /// The messages: offset, time, JSON.
    pub fn messages(&self) -> impl Iterator<Item = Result<(u64, i64, &str), StoreError>> {
        (self.first..)
            .zip(self.lines.lines())
            .map(|(offset, line)| {
                let parts = line.split_once(' ');
                let parts = parts.and_then(|(at, json)| Some((offset, at.parse().ok()?, json)));
                parts.ok_or_else(|| StoreError::Damaged(format!("message {offset} is {line:?}")))
            })
    }
}

impl Store {
    /// Stores a message under its offset, which follows the last one of its channel; `at` is when it was said,
    /// Unix milliseconds.
    pub fn append(
        &self,
        channel: &str,
        offset: u64,
        at: i64,
        json: impl AsRef<[u8]>,
    ) -> Result<(), StoreError> {
        if self.db.is_autocommit() {
            self.begin()?;
            let added = self.append(channel, offset, at, json);
            let committed = self.commit();
            return added.and(committed);
        }
        let added = match std::str::from_utf8(json.as_ref()) {
            Ok(json) => self
                .tail
                .borrow_mut()
                .add(channel, Line { offset, at, json }),
            Err(_) => Err(StoreError::Place(channel.to_owned(), offset)),
        };
        if added.is_err() && self.failed.get().is_none() {
            self.failed.set(Some(false));
        }
        added
    }

    /// Writes what the batch said to the journal, and settles some of a long one: twice as much as was said, so
    /// that it gets shorter, and no batch has to wait long.
    pub(crate) fn write_journal(&self) -> Result<(), StoreError> {
        match self.tail.borrow().unwritten() {
            Some((seq, lines)) => {
                let sql = "INSERT INTO journal (seq, lines) VALUES (?1, ?2)";
                self.write(sql, params![seq, self.packed(lines)])?;
            }
            // Where nothing is said, nothing is written: on a full disk it would fail for ever.
            None => return Ok(()),
        }
        let said = self.tail.borrow_mut().written();
        let mut written = said;
        while self.tail.borrow().is_long() && written < 3 * said {
            match self.settle_chunk()? {
                0 => break,
                chunk => written += chunk,
            }
            self.drop_rows()?;
        }
        self.drop_rows()
    }

    /// What is written of lines.
    fn packed(&self, lines: &str) -> Vec<u8> {
        let packed = lines::pack(lines);
        self.checkpoints.borrow_mut().written(packed.len());
        packed
    }

    /// Takes rows of the journal away that say nothing new.
    fn drop_rows(&self) -> Result<(), StoreError> {
        let last = self.tail.borrow_mut().take_rows();
        if let Some(last) = last {
            self.write("DELETE FROM journal WHERE seq <= ?1", [last])?;
        }
        Ok(())
    }

    /// Reads the journal anew.
    pub(crate) fn read_journal(&self) -> Result<(), StoreError> {
        let mut tail = Tail::default();
        let mut settled = self
            .db
            .prepare_cached("SELECT COALESCE(MAX(last), 0) FROM chunk WHERE channel = ?1")?;
        let mut known = HashMap::new();
        let mut known = |channel: &str| {
            if let Some(known) = known.get(channel) {
                return Ok(*known);
            }
            let last: i64 = settled.query_row([channel], |row| row.get(0))?;
            let last = last.unsigned_abs().max(self.forgotten(channel)?);
            known.insert(channel.to_owned(), last);
            Ok(last)
        };
        let mut query = self
            .db
            .prepare_cached("SELECT seq, lines FROM journal ORDER BY seq")?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let seq = row.get(0)?;
            let lines = lines::unpack(row.get_ref(1)?, || format!("row {seq} of the journal"))?;
            tail.read(seq, lines, &mut known)?;
        }
        self.tail.replace(tail);
        Ok(())
    }

    /// Makes chunks of the whole journal.
    pub(crate) fn settle(&self) -> Result<(), StoreError> {
        while self.settle_chunk()? > 0 {}
        self.write("DELETE FROM journal", [])?;
        self.read_journal()
    }

    /// Makes a chunk of the oldest messages of the channel that has the oldest one; gives its bytes, 0 when there
    /// is none.
    fn settle_chunk(&self) -> Result<usize, StoreError> {
        let mut tail = self.tail.borrow_mut();
        let Some(channel) = tail.oldest().map(str::to_owned) else {
            return Ok(0);
        };
        let (mut text, mut range, mut youngest) = (String::new(), None, i64::MIN);
        let mut count = 0;
        for Line { offset, at, json } in tail.of(&channel) {
            for part in [itoa::Buffer::new().format(at), " ", json, "\n"] {
                text.push_str(part);
            }
            range = Some((range.map_or(offset, |(first, _)| first), offset));
            youngest = youngest.max(at);
            count += 1;
            if text.len() >= CHUNK {
                break;
            }
        }
        tail.take(&channel, count);
        if let Some((first, last)) = range {
            self.write(
                "INSERT INTO chunk (channel, first, last, at, lines) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![
                    channel,
                    number(first),
                    number(last),
                    youngest,
                    self.packed(&text)
                ],
            )?;
        }
        Ok(text.len())
    }

    /// Messages after an offset, oldest first, each with its own: at most `count`, and no more than fit into
    /// `bytes`, but at least one when there is one.
    pub fn after(
        &self,
        channel: &str,
        offset: u64,
        count: usize,
        bytes: usize,
    ) -> Result<Vec<(u64, Bytes)>, StoreError> {
        let offset = offset.max(self.forgotten(channel)?);
        let (mut found, mut size) = (vec![], 0);
        let mut take = |at: u64, json: Bytes| {
            size += json.len();
            let fits = found.len() < count && (size <= bytes || found.is_empty());
            if fits {
                found.push((at, json));
            }
            fits
        };
        let mut query = self.db.prepare_cached(
            "SELECT first, lines FROM chunk WHERE channel = ?1 AND last > ?2 ORDER BY last",
        )?;
        let mut rows = query.query(params![channel, number(offset)])?;
        while let Some(row) = rows.next()? {
            let chunk = chunk(row)?;
            for message in chunk.messages() {
                let (at, _, json) = message?;
                if at > offset && !take(at, Bytes::copy_from_slice(json.as_bytes())) {
                    return Ok(found);
                }
            }
        }
        let tail = self.tail.borrow();
        for line in tail.after(channel, offset) {
            if !take(line.offset, Bytes::copy_from_slice(line.json.as_bytes())) {
                break;
            }
        }
        Ok(found)
    }

    /// Offset of the oldest message that is still there.
    pub fn first(&self, channel: &str) -> Result<Option<u64>, StoreError> {
        let forgotten = self.forgotten(channel)?;
        let mut query = self.db.prepare_cached(
            "SELECT first FROM chunk WHERE channel = ?1 AND last > ?2 ORDER BY last LIMIT 1",
        )?;
        let first = query.query_row(params![channel, number(forgotten)], |row| {
            row.get::<_, i64>(0)
        });
        Ok(match first.optional()? {
            Some(first) => Some(first.unsigned_abs().max(forgotten + 1)),
            None => {
                let tail = self.tail.borrow();
                tail.of(channel).next().map(|line| line.offset)
            }
        })
    }

    /// Offset before which all messages were said earlier than `at`; none when there is no such message.
    pub fn older(&self, channel: &str, at: i64) -> Result<Option<u64>, StoreError> {
        let forgotten = self.forgotten(channel)?;
        let before = |young: u64| Some(young - 1).filter(|offset| *offset > forgotten);
        let mut query = self.db.prepare_cached(
            "SELECT first, lines FROM chunk WHERE channel = ?1 AND at >= ?2 AND last > ?3
             ORDER BY last LIMIT 1",
        )?;
        let young = query.query_row(params![channel, at, number(forgotten)], |row| {
            Ok(chunk(row))
        });
        if let Some(chunk) = young.optional()? {
            for message in chunk?.messages() {
                let (offset, said, _) = message?;
                if said >= at {
                    return Ok(before(offset));
                }
            }
        }
        let tail = self.tail.borrow();
        if let Some(young) = tail.since(channel, at) {
            return Ok(before(young));
        }
        self.last(channel)
    }

    /// Offset of the youngest message that is still there.
    fn last(&self, channel: &str) -> Result<Option<u64>, StoreError> {
        if let Some(last) = self.tail.borrow().of(channel).next_back() {
            return Ok(Some(last.offset));
        }
        let mut query = self
            .db
            .prepare_cached("SELECT MAX(last) FROM chunk WHERE channel = ?1")?;
        let last: Option<i64> = query.query_row([channel], |row| row.get(0))?;
        Ok(last.map(i64::unsigned_abs))
    }

    /// Offset of the last message of a channel that retention took away; 0 when there is none.
    fn forgotten(&self, channel: &str) -> Result<u64, StoreError> {
        let mut query = self
            .db
            .prepare_cached("SELECT forgotten FROM channel WHERE name = ?1")?;
        let forgotten = query.query_row([channel], |row| row.get::<_, i64>(0));
        Ok(forgotten.optional()?.unwrap_or(0).unsigned_abs())
    }

    /// Forgets the messages of a channel up to an offset, at most `count` of them; says how many.
    pub fn forget(&self, channel: &str, offset: u64, count: u64) -> Result<u64, StoreError> {
        let (Some(first), Some(last)) = (self.first(channel)?, self.last(channel)?) else {
            return Ok(0);
        };
        let end = offset.min(last).min(first.saturating_add(count) - 1);
        if end < first {
            return Ok(0);
        }
        self.write(
            "UPDATE channel SET forgotten = MAX(forgotten, ?2) WHERE name = ?1",
            params![channel, number(end)],
        )?;
        self.write(
            "DELETE FROM chunk WHERE channel = ?1 AND last <= ?2",
            params![channel, number(end)],
        )?;
        let mut tail = self.tail.borrow_mut();
        let forgotten = tail.up_to(channel, end);
        tail.take(channel, forgotten);
        Ok(end - first + 1)
    }

    /// Offset of the last message that was ever said in a channel; 0 when nothing was.
    pub(crate) fn last_offset(&self, channel: &str) -> Result<u64, StoreError> {
        let last = self.last(channel)?.unwrap_or(0);
        Ok(last.max(self.forgotten(channel)?))
    }
}

fn chunk(row: &rusqlite::Row) -> Result<Chunk, StoreError> {
    let first = row.get::<_, i64>(0)?.unsigned_abs();
    let lines = lines::unpack(row.get_ref(1)?, || format!("message {first} of a channel"))?;
    Ok(Chunk { first, lines })
}

fn number(offset: u64) -> i64 {
    i64::try_from(offset).unwrap_or(i64::MAX)
}
