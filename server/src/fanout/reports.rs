//! What the fan-out comes upon, for the hub to take in with its next batch.

use std::{
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

/// What the fan-out came upon.
#[derive(Default)]
pub struct Report {
    /// Connections that have fallen too far behind: they are told nothing any more.
    pub slow: Vec<u64>,
    /// Connections that took all of their history so far.
    pub drained: Vec<u64>,
    /// How many that were leaving had fallen behind, and were cut off.
    pub cut: u64,
}

impl Report {
    fn is_empty(&self) -> bool {
        self.slow.is_empty() && self.drained.is_empty() && self.cut == 0
    }
}

/// Where the fan-out's reports are.
#[derive(Default)]
pub struct Reports {
    report: Mutex<Report>,
    written: Notify,
}

impl Reports {
    fn lock(&self) -> MutexGuard<'_, Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was reported since the last time.
    pub fn take(&self) -> Report {
        mem::take(&mut *self.lock())
    }

    /// Waits for a report.
    pub async fn written(&self) {
        while self.lock().is_empty() {
            self.written.notified().await;
        }
    }

    /// Whether there is none.
    #[cfg(any(test, feature = "fuzzing"))]
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Adds what is new.
    pub fn write(&self, new: Report) {
        if new.is_empty() {
            return;
        }
        let mut report = self.lock();
        report.slow.extend(new.slow);
        report.drained.extend(new.drained);
        report.cut += new.cut;
        self.written.notify_one();
    }
}
