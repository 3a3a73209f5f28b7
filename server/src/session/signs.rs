//! Signs of life of the client.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

/// Signs of life that may be missed in a row.
const MISSED: u8 = 2;

/// What is known of the client's life; shared by reading and writing.
#[derive(Default)]
pub struct Signs {
    missed: AtomicU8,
    probed: AtomicBool,
}

impl Signs {
    /// The client said something.
    pub fn received(&self) {
        self.missed.store(0, Ordering::Relaxed);
    }

    /// Another is asked for; false when too many were missed.
    pub fn ask(&self) -> bool {
        self.missed.fetch_add(1, Ordering::Relaxed) < MISSED
    }

    /// The hub wants to know.
    pub fn probe(&self) {
        self.probed.store(true, Ordering::Relaxed);
    }

    /// A sign of life came; true when the hub wants to know.
    pub fn answered(&self) -> bool {
        self.probed.swap(false, Ordering::Relaxed)
    }
}
