//! Messages of channels, in their order, and how long they are kept.

use rusqlite::{OptionalExtension, params};

use crate::{Store, StoreError};

impl Store {
    /// Stores a message under its offset; `at` is when it was said, Unix milliseconds.
    pub fn append(
        &self,
        channel: &str,
        offset: u64,
        at: i64,
        json: &str,
    ) -> Result<(), StoreError> {
        let values = params![channel, number(offset), at, json];
        self.write(
            "INSERT INTO message (channel, offset, at, json) VALUES (?1, ?2, ?3, ?4)",
            values,
        )
        .map(drop)
    }

    /// Messages after an offset, oldest first, each with its own: at most `count`, and no more than fit into
    /// `bytes`, but at least one when there is one.
    pub fn after(
        &self,
        channel: &str,
        offset: u64,
        count: usize,
        bytes: usize,
    ) -> Result<Vec<(u64, String)>, StoreError> {
        let mut query = self.db.prepare_cached(
            "SELECT offset, json FROM message WHERE channel = ?1 AND offset > ?2 ORDER BY offset",
        )?;
        let mut rows = query.query(params![channel, number(offset)])?;
        let (mut found, mut size) = (vec![], 0);
        while found.len() < count
            && let Some(row) = rows.next()?
        {
            let (offset, json): (i64, String) = (row.get(0)?, row.get(1)?);
            size += json.len();
            if size > bytes && !found.is_empty() {
                break;
            }
            found.push((offset.unsigned_abs(), json));
        }
        Ok(found)
    }

    /// Offset of the oldest message that is still there.
    pub fn first(&self, channel: &str) -> Result<Option<u64>, StoreError> {
        let mut query = self
            .db
            .prepare_cached("SELECT MIN(offset) FROM message WHERE channel = ?1")?;
        let first: Option<i64> = query.query_row([channel], |row| row.get(0))?;
        Ok(first.map(i64::unsigned_abs))
    }

    /// Offset before which all messages were said earlier than `at`; none when there is no such message.
    pub fn older(&self, channel: &str, at: i64) -> Result<Option<u64>, StoreError> {
        let mut query = self.db.prepare_cached(
            "SELECT offset FROM message WHERE channel = ?1 AND at >= ?2 ORDER BY offset LIMIT 1",
        )?;
        let young: Option<i64> = query
            .query_row(params![channel, at], |row| row.get(0))
            .optional()?;
        if let Some(young) = young {
            return Ok(Some(young.unsigned_abs().saturating_sub(1)).filter(|offset| *offset > 0));
        }
        let mut query = self
            .db
            .prepare_cached("SELECT MAX(offset) FROM message WHERE channel = ?1")?;
        let last: Option<i64> = query.query_row([channel], |row| row.get(0))?;
        Ok(last.map(i64::unsigned_abs))
    }

    /// Forgets the messages of a channel up to an offset, at most `count` of them; says how many.
    pub fn forget(&self, channel: &str, offset: u64, count: u64) -> Result<usize, StoreError> {
        let Some(first) = self.first(channel)? else {
            return Ok(0);
        };
        let end = offset.min(first.saturating_add(count).saturating_sub(1));
        let gone = self.write(
            "DELETE FROM message WHERE channel = ?1 AND offset <= ?2",
            params![channel, number(end)],
        )?;
        self.write(
            "UPDATE channel SET forgotten = MAX(forgotten, ?2) WHERE name = ?1",
            params![channel, number(end)],
        )?;
        Ok(gone)
    }
}

fn number(offset: u64) -> i64 {
    i64::try_from(offset).unwrap_or(i64::MAX)
}
