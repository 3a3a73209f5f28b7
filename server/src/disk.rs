//! Room on the disk: whether what is said can still be stored.
//!
//! A reserve is kept back, so that writing is refused, with a reason, before it fails: what is read, who is there and
//! who connects goes on, and so do the few small writes that they need. [`Guard`] decides and looks at nothing itself.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
    time::{Duration, Instant},
};

/// Between two looks at the disk, at most.
pub const LOOK: Duration = Duration::from_secs(1);
/// A message is written to the journal and to a chunk later, each time to the log and in its place…
const WRITES: u64 = 4;
/// …with some bytes around it.
const AROUND: u64 = 512;
/// What a batch takes however little is in it: the log holds whole pages.
const PAGES: u64 = 64 * 1024;
/// What must fit where a write has failed before.
const PROBE: usize = 64 * 1024;

/// What became of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// As it was.
    None,
    /// Nothing more is to be written.
    Full,
    /// There is room again.
    Room,
}

/// Whether there is room.
#[derive(Debug)]
pub struct Guard {
    reserve: u64,
    /// As seen at the last look; none when it could not be seen.
    free: Option<u64>,
    looked: Option<Instant>,
    /// Bytes that were taken since then.
    spent: u64,
    /// A write failed, and none was seen to succeed since.
    failed: bool,
    full: bool,
}

impl Guard {
    /// Keeps so many bytes back; 0 to learn only from writes that fail.
    pub fn new(reserve: u64) -> Self {
        Self {
            reserve,
            free: None,
            looked: None,
            spent: 0,
            failed: false,
            full: false,
        }
    }

    /// Whether nothing more is to be written.
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// Bytes that were free at the last look.
    pub fn free(&self) -> Option<u64> {
        self.free
    }

    /// A batch begins. Whether it is time to look: a while has passed, or so much was written that others, who
    /// write too, may have left less than the reserve.
    pub fn begin(&mut self, now: Instant) -> bool {
        self.spent = self.spent.saturating_add(PAGES);
        let over = |at| now.saturating_duration_since(at) >= LOOK;
        // Trying whether a write succeeds takes a while itself.
        let much = !self.failed && self.spent > self.margin().min(self.reserve) / 4;
        self.looked.is_none_or(over) || much
    }

    fn margin(&self) -> u64 {
        self.free
            .map_or(u64::MAX, |free| free.saturating_sub(self.reserve))
    }

    /// So much is free. Where a write has failed, `works` says whether one succeeds now.
    pub fn look(
        &mut self,
        now: Instant,
        free: Option<u64>,
        works: impl FnOnce() -> bool,
    ) -> Change {
        (self.free, self.looked, self.spent) = (free, Some(now), 0);
        let short = free.is_some_and(|free| free < self.reserve);
        if self.failed && !short {
            self.failed = !works();
        }
        self.set_full(short || self.failed)
    }

    /// So many bytes are about to be written.
    pub fn spend(&mut self, bytes: usize) -> Change {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let taken = bytes.saturating_add(AROUND).saturating_mul(WRITES);
        self.spent = self.spent.saturating_add(taken);
        self.set_full(self.full || self.reserve > 0 && self.spent > self.margin())
    }

    /// A write failed.
    pub fn fail(&mut self) -> Change {
        self.failed = true;
        self.set_full(true)
    }

    fn set_full(&mut self, full: bool) -> Change {
        match (std::mem::replace(&mut self.full, full), full) {
            (false, true) => Change::Full,
            (true, false) => Change::Room,
            _ => Change::None,
        }
    }
}

/// Bytes that are free for this process on the disk of a folder.
pub fn free(folder: &Path) -> Option<u64> {
    let seen = nix::sys::statvfs::statvfs(folder);
    let seen = seen.inspect_err(|error| tracing::debug!(%error, "the disk can't be looked at"));
    let seen = seen.ok()?;
    Some(seen.blocks_available().saturating_mul(seen.fragment_size()))
}

/// Whether something can be written in a folder, and is there.
pub fn works(folder: &Path) -> bool {
    let path = folder.join("chat.probe");
    let write = || -> io::Result<()> {
        let mut file = File::create(&path)?;
        file.write_all(&[0; PROBE])?;
        file.sync_all()
    };
    let written = write();
    let gone = std::fs::remove_file(&path);
    if let Err(error) = written.and(gone) {
        tracing::debug!(%error, "nothing can be written yet");
        return false;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    #[test]
    fn nothing_is_written_into_the_reserve() {
        let now = Instant::now();
        let mut guard = Guard::new(16 * MIB);
        assert!(guard.begin(now));
        assert_eq!(guard.look(now, Some(20 * MIB), || false), Change::None);
        assert!(!guard.begin(now) && guard.begin(now + LOOK));
        // Four times half a megabyte of four: to be looked at, and not full yet.
        assert_eq!(guard.spend(MIB as usize / 2), Change::None);
        assert!(guard.begin(now) && !guard.is_full());
        assert_eq!(guard.spend(MIB as usize), Change::Full);
        assert_eq!(guard.spend(1), Change::None);
        assert_eq!(guard.look(now, Some(15 * MIB), || true), Change::None);
        assert_eq!(guard.look(now, Some(16 * MIB), || false), Change::Room);
        assert!(!guard.is_full());
    }

    #[test]
    fn a_write_that_failed_counts_until_one_succeeds() {
        let now = Instant::now();
        let mut guard = Guard::new(MIB);
        assert_eq!(guard.look(now, Some(9 * MIB), || false), Change::None);
        assert_eq!(guard.fail(), Change::Full);
        assert_eq!(guard.spend(9 * MIB as usize), Change::None);
        assert!(!guard.begin(now) && guard.begin(now + LOOK));
        assert_eq!(guard.look(now, Some(9 * MIB), || false), Change::None);
        assert_eq!(guard.look(now, Some(0), || true), Change::None);
        assert_eq!(guard.look(now, Some(9 * MIB), || true), Change::Room);
    }

    #[test]
    fn without_a_reserve_or_a_sight_of_the_disk_only_failures_count() {
        let now = Instant::now();
        for (reserve, free) in [(0, Some(0)), (MIB, None)] {
            let mut guard = Guard::new(reserve);
            assert_eq!(guard.look(now, free, || false), Change::None);
            assert_eq!(guard.spend(usize::MAX), Change::None);
            assert_eq!(guard.fail(), Change::Full);
            assert_eq!(guard.look(now, free, || true), Change::Room);
        }
    }

    #[test]
    fn a_folder_has_room_and_a_missing_one_has_not() {
        let dir = tempfile::tempdir().unwrap();
        assert!(free(dir.path()).is_some_and(|free| free > 0) && works(dir.path()));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        let missing = dir.path().join("missing");
        assert!(free(&missing).is_none() && !works(&missing));
    }
}
