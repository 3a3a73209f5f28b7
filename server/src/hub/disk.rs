//! A full disk: what would be stored is refused, and all else goes on.

use std::time::Instant;

use agentchat_store::StoreError;

use super::{Hub, market};
use crate::{
    disk::{self, Change},
    frame::Refusal,
};

impl Hub {
    /// Looks at the disk when it is time to.
    pub(super) fn look_at_disk(&mut self) {
        let now = Instant::now();
        if !self.disk.begin(now) {
            return;
        }
        let folder = &self.settings.data_dir;
        let change = self
            .disk
            .look(now, disk::free(folder), || disk::works(folder));
        self.turned(change);
    }

    /// A batch could not be stored.
    pub(super) fn write_failed(&mut self, error: &StoreError) {
        if error.is_full() {
            let change = self.disk.fail();
            self.turned(change);
        }
    }

    /// Says once what has changed.
    fn turned(&self, change: Change) {
        let folder = self.settings.data_dir.display();
        let free = self.disk.free();
        match change {
            Change::None => {}
            Change::Full => {
                tracing::error!(%folder, free, "the disk is full: nothing is stored until there is room");
            }
            Change::Room => tracing::info!(%folder, free, "the disk has room again"),
        }
    }

    /// Whether something of this size can be stored.
    pub(super) fn has_room(&mut self, size: usize) -> Result<(), Refusal> {
        let change = self.disk.spend(size);
        self.turned(change);
        if !self.disk.is_full() {
            return Ok(());
        }
        self.counts.not_stored += 1;
        let text = "the disk of the server is full: nothing was done, and nothing can be stored until there is room";
        Err(("INVALID_MSG", text.to_owned()))
    }
}

/// Whether a frame asks for something that is stored. Messages are looked at more closely.
pub fn stores(type_: &str) -> bool {
    match type_ {
        "CREATE_CHANNEL" | "INVITE" | "ADMIN_APPROVE" | "ADMIN_REVOKE" | "ADMIN_BAN"
        | "ADMIN_UNBAN" | "ADMIN_VERIFY" => true,
        "SEARCH_SKILLS" => false,
        type_ => market::knows(type_),
    }
}
