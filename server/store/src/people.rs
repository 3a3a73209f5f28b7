//! Who may come in, who may not, who is trusted, and since when a key is known.

use rusqlite::{OptionalExtension, params};

use crate::{error::StoreError, store::Store};

/// A key on the allowlist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// Public key, PEM.
    pub pubkey: String,
    /// What was noted at its approval.
    pub note: String,
    /// When it was approved, Unix milliseconds; 0 when that was not kept.
    pub approved_at: i64,
}

/// An agent that may not come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ban {
    /// Agent id, without `@`.
    pub agent: String,
    /// Why.
    pub reason: String,
    /// Since when, Unix milliseconds.
    pub at: i64,
}

impl Store {
    /// Puts a key on the allowlist; one that is there keeps its time.
    pub fn allow(&self, pubkey: &str, note: &str, now_ms: i64) -> Result<(), StoreError> {
        let values = params![pubkey, note, now_ms];
        self.write(
            "INSERT INTO allowed (pubkey, note, approved_at) VALUES (?1, ?2, ?3)
             ON CONFLICT (pubkey) DO UPDATE SET note = ?2",
            values,
        )
        .map(drop)
    }

    /// The allowlist, in the order of approval.
    pub fn allowed(&self) -> Result<Vec<Allowed>, StoreError> {
        let mut query = self
            .db
            .prepare_cached("SELECT pubkey, note, approved_at FROM allowed ORDER BY rowid")?;
        let rows = query.query_map([], |row| {
            Ok(Allowed {
                pubkey: row.get(0)?,
                note: row.get(1)?,
                approved_at: row.get(2)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// A part of the allowlist, in the order of approval: entries after a position, each with its own.
    pub fn allowed_after(
        &self,
        after: i64,
        most: usize,
    ) -> Result<Vec<(i64, Allowed)>, StoreError> {
        let mut query = self.db.prepare_cached(
            "SELECT rowid, pubkey, note, approved_at FROM allowed WHERE rowid > ?1
             ORDER BY rowid LIMIT ?2",
        )?;
        let rows = query.query_map(params![after, count(most)], |row| {
            let allowed = Allowed {
                pubkey: row.get(1)?,
                note: row.get(2)?,
                approved_at: row.get(3)?,
            };
            Ok((row.get(0)?, allowed))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Takes a key off the allowlist; says whether it was there.
    pub fn disallow(&self, pubkey: &str) -> Result<bool, StoreError> {
        let gone = self.write("DELETE FROM allowed WHERE pubkey = ?1", [pubkey])?;
        Ok(gone > 0)
    }

    /// Whether a key is on the allowlist.
    pub fn is_allowed(&self, pubkey: &str) -> Result<bool, StoreError> {
        let row = self
            .db
            .query_row("SELECT 1 FROM allowed WHERE pubkey = ?1", [pubkey], |_| {
                Ok(())
            });
        Ok(row.optional()?.is_some())
    }

    /// When a key was first seen: at `now` when it never was before.
    pub fn see(&self, pubkey: &str, now_ms: i64) -> Result<i64, StoreError> {
        if let Some(at) = self.seen_at(pubkey)? {
            return Ok(at);
        }
        self.write("INSERT INTO seen VALUES (?1, ?2)", params![pubkey, now_ms])?;
        Ok(now_ms)
    }

    /// When a key was first seen, if it ever was.
    pub fn seen_at(&self, pubkey: &str) -> Result<Option<i64>, StoreError> {
        let mut query = self
            .db
            .prepare_cached("SELECT at FROM seen WHERE pubkey = ?1")?;
        Ok(query.query_row([pubkey], |row| row.get(0)).optional()?)
    }

    /// All keys that were seen, and when first.
    pub fn seen(&self) -> Result<Vec<(String, i64)>, StoreError> {
        let mut query = self
            .db
            .prepare("SELECT pubkey, at FROM seen ORDER BY rowid")?;
        let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Forgets the keys that were seen first, but for the `keep` youngest of them.
    pub fn forget_seen(&self, keep: usize) -> Result<usize, StoreError> {
        let keep = i64::try_from(keep).unwrap_or(i64::MAX);
        self.write(
            "DELETE FROM seen WHERE rowid <= (SELECT MAX(rowid) FROM seen) - ?1",
            [keep],
        )
    }

    /// Bans an agent; says whether it was not banned before.
    pub fn ban(&self, ban: &Ban) -> Result<bool, StoreError> {
        let new = self.banned(&ban.agent)?.is_none();
        self.write(
            "INSERT OR REPLACE INTO ban VALUES (?1, ?2, ?3)",
            params![ban.agent, ban.reason, ban.at],
        )?;
        Ok(new)
    }

    /// Lifts a ban; says whether there was one.
    pub fn unban(&self, agent: &str) -> Result<bool, StoreError> {
        let gone = self.write("DELETE FROM ban WHERE agent = ?1", [agent])?;
        Ok(gone > 0)
    }

    /// Why an agent is banned, if it is.
    pub fn banned(&self, agent: &str) -> Result<Option<String>, StoreError> {
        let mut query = self
            .db
            .prepare_cached("SELECT reason FROM ban WHERE agent = ?1")?;
        Ok(query.query_row([agent], |row| row.get(0)).optional()?)
    }

    /// All bans, in the order in which they were made.
    pub fn bans(&self) -> Result<Vec<Ban>, StoreError> {
        let mut query = self
            .db
            .prepare("SELECT agent, reason, at FROM ban ORDER BY rowid")?;
        let rows = query.query_map([], |row| {
            Ok(Ban {
                agent: row.get(0)?,
                reason: row.get(1)?,
                at: row.get(2)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// A part of the bans: those after a position, each with its own.
    pub fn bans_after(&self, after: i64, most: usize) -> Result<Vec<(i64, Ban)>, StoreError> {
        let mut query = self.db.prepare_cached(
            "SELECT rowid, agent, reason, at FROM ban WHERE rowid > ?1 ORDER BY rowid LIMIT ?2",
        )?;
        let rows = query.query_map(params![after, count(most)], |row| {
            let ban = Ban {
                agent: row.get(1)?,
                reason: row.get(2)?,
                at: row.get(3)?,
            };
            Ok((row.get(0)?, ban))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Says by hand whether an agent is verified.
    pub fn grant(&self, agent: &str, verified: bool) -> Result<(), StoreError> {
        self.write(
            "INSERT OR REPLACE INTO granted VALUES (?1, ?2)",
            params![agent, verified],
        )
        .map(drop)
    }

    /// What was said by hand of an agent.
    pub fn granted(&self, agent: &str) -> Result<Option<bool>, StoreError> {
        let mut query = self
            .db
            .prepare_cached("SELECT verified FROM granted WHERE agent = ?1")?;
        Ok(query.query_row([agent], |row| row.get(0)).optional()?)
    }

    /// How many keys were seen.
    pub fn seen_count(&self) -> Result<usize, StoreError> {
        self.count("seen")
    }

    fn count(&self, table: &str) -> Result<usize, StoreError> {
        let sql = format!("SELECT COUNT(*) FROM {table}");
        let mut query = self.db.prepare_cached(&sql)?;
        let count: i64 = query.query_row([], |row| row.get(0))?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// How many keys are allowed, agents banned, and agents verified by hand.
    pub fn listed(&self) -> Result<[usize; 3], StoreError> {
        Ok([
            self.count("allowed")?,
            self.count("ban")?,
            self.count("granted")?,
        ])
    }
}

/// A count as SQLite takes it.
fn count(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}
