//! How long messages are kept: by count and by age of each channel.
//!
//! A channel that has too many loses the oldest of them little by little, with what is said there and with each
//! look at the clock, so that no single batch has to wait long.

use agentchat_store::StoreError;

use super::Hub;
use crate::frame::now_ms;

/// Messages beyond the number that is kept, before the oldest are taken away.
const SLACK: u64 = 256;
/// The most that are taken away at a time.
const PIECE: u64 = 2048;

impl Hub {
    /// Takes away what a channel has too much of.
    pub(super) fn retain(&mut self, room: usize) {
        let Some(most) = self.settings.retain.messages else {
            return;
        };
        let last = self.rooms[room].channel.last;
        if last.saturating_sub(self.rooms[room].oldest) < most + SLACK.min(most) {
            return;
        }
        if let Err(error) = self.forget(room, last - most.min(last)) {
            tracing::error!(%error, "old messages can't be taken away");
        }
    }

    /// Takes away what is too old, in all channels.
    pub(super) fn retain_by_age(&mut self) {
        if self.disk.is_full() {
            // Also what is taken away takes room, in the log.
            return;
        }
        let Some(age) = self.settings.retain.age else {
            return;
        };
        let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        let young = now_ms().saturating_sub(age);
        for room in 0..self.rooms.len() {
            let name = &self.rooms[room].channel.name;
            let forgotten = match self.store.older(name, young) {
                Ok(Some(old)) => self.forget(room, old),
                other => other.map(drop),
            };
            if let Err(error) = forgotten {
                tracing::error!(%error, "old messages can't be taken away");
            }
        }
    }

    fn forget(&mut self, room: usize, up_to: u64) -> Result<(), StoreError> {
        let name = &self.rooms[room].channel.name;
        self.store.forget(name, up_to, PIECE)?;
        let first = self.store.first(name)?;
        let before = first.map_or(self.rooms[room].channel.last, |first| first - 1);
        self.rooms[room].oldest = before;
        Ok(())
    }
}
