//! Channels, and who is invited to those that are by invitation.

use rusqlite::params;

use crate::{error::StoreError, store::Store};

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
    /// The order that this one goes on from, when the file is a copy: its epoch, and the last offset they share.
    pub former: Option<(String, u64)>,
}

impl Channel {
    /// Whether a position in an order is one of this order: of its own, or of what it has in common with the former.
    #[must_use]
    pub fn shares(&self, epoch: &str, offset: u64) -> bool {
        let former = self.former.as_ref();
        let common = former.filter(|(former, last)| former == epoch && offset <= *last);
        (epoch == self.epoch || common.is_some()) && offset <= self.last
    }
}

impl Store {
    /// All channels, in the order in which they were made.
    pub fn channels(&self) -> Result<Vec<Channel>, StoreError> {
        self.refresh()?;
        let mut query = self.db.prepare(
            "SELECT name, epoch, verified_only, invite_only, former, former_last
             FROM channel ORDER BY rowid",
        )?;
        let rows = query.query_map([], |row| {
            let former: (String, i64) = (row.get(4)?, row.get(5)?);
            let former = (former.0, former.1.unsigned_abs());
            Ok(Channel {
                name: row.get(0)?,
                epoch: row.get(1)?,
                verified_only: row.get(2)?,
                invite_only: row.get(3)?,
                last: 0,
                former: Some(former).filter(|(epoch, _)| !epoch.is_empty()),
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
