//! Channels, and who is invited to those that are by invitation.

use rusqlite::params;

use crate::{Store, StoreError};

/// A channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Channel {
    /// Name, with `#`.
    pub name: String,
    /// Which order its offsets belong to.
    pub epoch: String,
    /// Whether only verified agents may come in.
    pub verified_only: bool,
    /// Whether only invited agents may come in, and others don't see it.
    pub invite_only: bool,
    /// Offset of the last message; 0 when there is none.
    pub last: u64,
}

impl Store {
    /// All channels, in the order in which they were made.
    pub fn channels(&self) -> Result<Vec<Channel>, StoreError> {
        let mut query = self.db.prepare(
            "SELECT name, epoch, verified_only, invite_only FROM channel ORDER BY rowid",
        )?;
        let rows = query.query_map([], |row| {
            Ok(Channel {
                name: row.get(0)?,
                epoch: row.get(1)?,
                verified_only: row.get(2)?,
                invite_only: row.get(3)?,
                last: 0,
            })
        })?;
        let mut channels = rows.collect::<Result<Vec<_>, _>>()?;
        for channel in &mut channels {
            channel.last = self.last_offset(&channel.name)?;
        }
        Ok(channels)
    }

    /// Makes a channel; one that exists stays as it is.
    pub fn create_channel(&self, channel: &Channel) -> Result<(), StoreError> {
        let values = params![
            channel.name,
            channel.epoch,
            channel.verified_only,
            channel.invite_only
        ];
        self.write(
            "INSERT OR IGNORE INTO channel (name, epoch, verified_only, invite_only)
             VALUES (?1, ?2, ?3, ?4)",
            values,
        )
        .map(drop)
    }

    /// Invites an agent to a channel.
    pub fn invite(&self, channel: &str, agent: &str) -> Result<(), StoreError> {
        self.write(
            "INSERT OR IGNORE INTO invitation VALUES (?1, ?2)",
            [channel, agent],
        )
        .map(drop)
    }

    /// All invitations: channel and agent.
    pub fn invitations(&self) -> Result<Vec<(String, String)>, StoreError> {
        let mut query = self.db.prepare("SELECT channel, agent FROM invitation")?;
        let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
