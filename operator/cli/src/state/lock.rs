//! One `agentctl` at a time changes a swarm.

use std::{
    fs::{File, OpenOptions, TryLockError},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use tokio::time::Instant;

use super::folder::State;
use crate::output::Progress;

/// How long another `agentctl` may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// Held while a swarm is brought up or down; the kernel lets go of it when the process ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for the lock, and says so when somebody else has it. `None` when the folder is gone.
    pub async fn take(state: &State, progress: &Progress) -> Result<Option<Self>> {
        let (deadline, mut said) = (Instant::now() + PATIENCE, false);
        loop {
            match Self::attempt(state)? {
                Attempt::Taken(lock) => return Ok(Some(lock)),
                Attempt::Gone => return Ok(None),
                Attempt::Busy if Instant::now() > deadline => bail!(
                    "another agentctl still brings swarm {} up or down; wait for it or end it",
                    state.swarm()
                ),
                Attempt::Busy => {}
            }
            if !std::mem::replace(&mut said, true) {
                progress.note("waiting for another agentctl that brings this swarm up or down");
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn attempt(state: &State) -> Result<Attempt> {
        let path = state.path("lock");
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true).mode(0o600);
        let file = match options.open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Attempt::Gone),
            Err(error) => return Err(error).with_context(|| path.display().to_string()),
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Attempt::Busy),
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("{} can't be locked", path.display()));
            }
        }
        // A purge may have removed the file between opening and locking.
        let same = std::fs::metadata(&path)
            .is_ok_and(|now| file.metadata().is_ok_and(|mine| mine.ino() == now.ino()));
        Ok(if same {
            Attempt::Taken(Self { _file: file })
        } else {
            Attempt::Busy
        })
    }
}

enum Attempt {
    Taken(Lock),
    Busy,
    Gone,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lock_is_busy_while_held_and_gone_with_its_folder() {
        let base = tempfile::tempdir().unwrap();
        let state = State::below(base.path(), "x");
        assert!(matches!(Lock::attempt(&state).unwrap(), Attempt::Gone));
        state.create().unwrap();
        let first = Lock::attempt(&state).unwrap();
        assert!(matches!(first, Attempt::Taken(_)));
        assert!(matches!(Lock::attempt(&state).unwrap(), Attempt::Busy));
        drop(first);
        assert!(matches!(Lock::attempt(&state).unwrap(), Attempt::Taken(_)));
    }
}
