//! Messages of channels, in their order, and how long they are kept.
//!
//! The youngest are in the journal, see [`crate::tail`]; those before them are in chunks: a row for many messages
//! of one channel. Settling makes chunks of the journal. Both are stored as [`crate::block`] says.

use std::collections::HashMap;

use bytes::Bytes;
use rusqlite::{OptionalExtension, params, types::ValueRef};

use crate::{
    block,
    error::StoreError,
    lines::{Line, Lines},
    older,
    schema::{BLOCKS, OLDER},
    store::Store,
    tail::{Settled, Tail},
};

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
            Err(_) => Err(StoreError::OutOfOrder(channel.to_owned(), offset)),
        };
        if added.is_err() && self.failed.get().is_none() {
            self.failed.set(Some(false));
        }
        added
    }

    /// Writes what the batch said to the journal, and settles some of a long one: twice as much as was said, so
    /// that it gets shorter, and no batch has to wait long.
    pub(crate) fn write_journal(&self) -> Result<(), StoreError> {
        match self.tail.borrow_mut().unwritten()? {
            Some((seq, blocks)) => {
                let sql = "INSERT INTO journal (seq, lines, form) VALUES (?1, ?2, ?3)";
                self.write(sql, params![seq, blocks, BLOCKS])?;
                self.checkpoints.borrow_mut().written(blocks.len());
            }
            // Where nothing is said, nothing is written: on a full disk it would fail for ever.
            None => return Ok(()),
        }
        let said = self.tail.borrow_mut().written();
        let mut written = said;
        while self.tail.borrow().is_long()
            && written < 3 * said
            && let Some(chunk) = self.settle_chunk()?
        {
            written += chunk;
            self.drop_rows()?;
        }
        self.drop_rows()
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
            .prepare_cached("SELECT seq, form, lines FROM journal ORDER BY seq")?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            tail.read(row.get(0)?, row.get(1)?, row.get_ref(2)?, &mut known)?;
        }
        self.tail.replace(tail);
        Ok(())
    }

    /// Makes chunks of the whole journal.
    pub(crate) fn settle(&self) -> Result<(), StoreError> {
        while self.settle_chunk()?.is_some() {}
        self.write("DELETE FROM journal", [])?;
        self.read_journal()
    }

    /// Makes a chunk of the oldest messages of the channel that has the oldest one; gives the bytes of its
    /// lines, none when there is none.
    fn settle_chunk(&self) -> Result<Option<usize>, StoreError> {
        let settled = self.tail.borrow_mut().settle()?;
        let Some(settled) = settled else {
            return Ok(None);
        };
        let Settled {
            channel,
            first,
            last,
            youngest,
            bytes,
            stored,
        } = settled;
        let (first, last) = (number(first), number(last));
        self.write(
            "INSERT INTO chunk (channel, first, last, at, lines, form)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![channel, first, last, youngest, stored, BLOCKS],
        )?;
        self.checkpoints.borrow_mut().written(stored.len());
        Ok(Some(bytes))
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
        let mut take = |lines: &Lines| {
            for line in lines.messages() {
                let line = line?;
                if line.offset <= offset {
                    continue;
                }
                size += line.json.len();
                if found.len() == count || size > bytes && !found.is_empty() {
                    return Ok(false);
                }
                found.push((line.offset, Bytes::copy_from_slice(line.json.as_bytes())));
            }
            Ok::<_, StoreError>(true)
        };
        let mut query = self.db.prepare_cached(
            "SELECT channel, first, last, form, lines FROM chunk WHERE channel = ?1 AND last > ?2 ORDER BY last",
        )?;
        let mut rows = query.query(params![channel, number(offset)])?;
        while let Some(row) = rows.next()? {
            if !take(&chunk(row)?)? {
                return Ok(found);
            }
        }
        for lines in self.tail.borrow().after(channel, offset) {
            if !take(&*lines?)? {
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
            None => self.tail.borrow().first(channel, forgotten),
        })
    }

    /// Offset before which all messages were said earlier than `at`; none when there is no such message.
    pub fn older(&self, channel: &str, at: i64) -> Result<Option<u64>, StoreError> {
        let forgotten = self.forgotten(channel)?;
        let before = |lines: &Lines| {
            for line in lines.messages() {
                let line = line?;
                if line.at >= at && line.offset > forgotten {
                    return Ok(Some(line.offset - 1));
                }
            }
            Ok::<_, StoreError>(None)
        };
        let kept = |before: u64| Some(before).filter(|before| *before > forgotten);
        let mut query = self.db.prepare_cached(
            "SELECT channel, first, last, form, lines FROM chunk WHERE channel = ?1 AND at >= ?2 AND last > ?3
             ORDER BY last",
        )?;
        let mut rows = query.query(params![channel, at, number(forgotten)])?;
        while let Some(row) = rows.next()? {
            if let Some(before) = before(&chunk(row)?)? {
                return Ok(kept(before));
            }
        }
        for lines in self.tail.borrow().since(channel, at) {
            if let Some(before) = before(&*lines?)? {
                return Ok(kept(before));
            }
        }
        self.last(channel)
    }

    /// Offset of the youngest message that is still there.
    fn last(&self, channel: &str) -> Result<Option<u64>, StoreError> {
        let forgotten = self.forgotten(channel)?;
        let last = self.tail.borrow().last(channel);
        if last.is_some_and(|last| last > forgotten) {
            return Ok(last);
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
        self.tail.borrow_mut().forget(channel, end);
        Ok(end - first + 1)
    }

    /// Offset of the last message that was ever said in a channel; 0 when nothing was.
    pub(crate) fn last_offset(&self, channel: &str) -> Result<u64, StoreError> {
        let last = self.last(channel)?.unwrap_or(0);
        Ok(last.max(self.forgotten(channel)?))
    }
}

/// The messages of a chunk: channel, first and last offset, form, lines.
pub(crate) fn chunk(row: &rusqlite::Row<'_>) -> Result<Lines, StoreError> {
    let [first, last] = [row.get::<_, i64>(1)?, row.get(2)?].map(i64::unsigned_abs);
    let lines = read(first, row.get(3)?, row.get_ref(4)?);
    if let Some(lines) = lines.filter(|lines| lines.last() == Some(last)) {
        return Ok(lines);
    }
    let channel: String = row.get(0)?;
    let damage = format!("messages {first} to {last} of {channel} can't be read");
    Err(StoreError::Damaged(damage))
}

/// Lines that begin with an offset; none when they are damaged.
pub(crate) fn read(first: u64, form: i64, stored: ValueRef<'_>) -> Option<Lines> {
    let lines = match (form, stored) {
        (OLDER, stored) => Lines::of(first, older::text(stored)?),
        (BLOCKS, ValueRef::Blob(blocks)) => block::unpack(blocks),
        _ => None,
    };
    lines.filter(|lines| lines.first == first)
}

fn number(offset: u64) -> i64 {
    i64::try_from(offset).unwrap_or(i64::MAX)
}
