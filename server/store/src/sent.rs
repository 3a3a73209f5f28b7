//! Messages that carried an id of the client's own, so that one that is sent again is not said again.

use rusqlite::{OptionalExtension, params};

use crate::{error::StoreError, store::Store};

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Channel, or agent with `@`.
    pub target: String,
    /// Its offset in the channel's order; 0 when it went to an agent.
    pub offset: u64,
    /// Its id.
    pub msg_id: String,
}

impl Store {
    /// Remembers what became of a message.
    pub fn note_sent(&self, agent: &str, client_id: &str, sent: &Sent) -> Result<(), StoreError> {
        let offset = i64::try_from(sent.offset).unwrap_or(i64::MAX);
        let values = params![agent, client_id, sent.target, offset, sent.msg_id];
        self.write(
            "INSERT INTO sent (agent, client_id, target, offset, msg_id) VALUES (?1, ?2, ?3, ?4, ?5)",
            values,
        )
        .map(drop)
    }

    /// What became of a message, if it is remembered.
    pub fn sent(&self, agent: &str, client_id: &str) -> Result<Option<Sent>, StoreError> {
        let mut query = self.db.prepare_cached(
            "SELECT target, offset, msg_id FROM sent WHERE agent = ?1 AND client_id = ?2",
        )?;
        let found = query.query_row([agent, client_id], |row| {
            Ok(Sent {
                target: row.get(0)?,
                offset: row.get::<_, i64>(1)?.unsigned_abs(),
                msg_id: row.get(2)?,
            })
        });
        Ok(found.optional()?)
    }

    /// Forgets all but the youngest `keep`.
    pub fn forget_sent(&self, keep: usize) -> Result<usize, StoreError> {
        let keep = i64::try_from(keep).unwrap_or(i64::MAX);
        self.write(
            "DELETE FROM sent WHERE rowid <= (SELECT MAX(rowid) FROM sent) - ?1",
            [keep],
        )
    }
}
