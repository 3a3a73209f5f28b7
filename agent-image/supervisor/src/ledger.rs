//! The account of usage: where it begins, and its copy on the volume.
//!
//! The account itself is in memory, in the [`State`]: the agent runs as the same user as the supervisor, and every
//! file that the supervisor can write the agent can write too. It begins with the operator's record, which is
//! delivered as root and read-only for the agent. The copy on the volume is there for what was used since the
//! operator last saw a report, in case both end together; it only ever raises the account.

use std::time::Duration;
use std::{fs, io};

use agentchat_contract::{FileError, Layout, State, UsageLedger, paths};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::files;

/// The shortest time between two writes of the copy.
const COPY_INTERVAL: Duration = Duration::from_secs(1);
/// The most bytes of a copy that is read.
const COPY_LIMIT: u64 = 4096;

/// The account at the start of the container: what was delivered, raised by the copy. Fails when nothing was
/// delivered; a copy that is absent or damaged changes nothing.
pub fn load(layout: &Layout, now_ms: i64) -> Result<UsageLedger, FileError> {
    let mut ledger = UsageLedger::read(layout)?;
    ledger.raise(&read_copy(layout));
    // A start that lies ahead would stop the clock until then.
    ledger.first_start = ledger.first_start.min(now_ms);
    Ok(ledger)
}

fn read_copy(layout: &Layout) -> UsageLedger {
    let path = layout.path(paths::USAGE_COPY);
    let read = files::read(&path, COPY_LIMIT)
        .and_then(|text| serde_json::from_slice(&text).map_err(io::Error::from));
    match read {
        Ok(copy) => copy,
        Err(error) if error.kind() == io::ErrorKind::NotFound => UsageLedger::default(),
        Err(error) => {
            tracing::warn!(
                "{} is passed over: {error}; the account goes on from the operator's record",
                path.display()
            );
            UsageLedger::default()
        }
    }
}

/// Keeps the copy up to date, with a last write at the end.
pub async fn keep_copy(layout: Layout, mut state: watch::Receiver<State>, end: CancellationToken) {
    let mut written = UsageLedger::default();
    loop {
        let ended = tokio::select! {
            changed = state.changed() => changed.is_err(),
            () = end.cancelled() => true,
        };
        let ledger = state.borrow_and_update().ledger();
        if ledger != written {
            written = ledger.clone();
            let layout = layout.clone();
            let wrote = tokio::task::spawn_blocking(move || write_copy(&layout, &ledger)).await;
            if let Err(error) = wrote.unwrap_or_else(|failed| Err(failed.into())) {
                tracing::warn!("can't write {}: {error}", paths::USAGE_COPY);
            }
        }
        if ended {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(COPY_INTERVAL) => {}
            () = end.cancelled() => {}
        }
    }
}

fn write_copy(layout: &Layout, ledger: &UsageLedger) -> io::Result<()> {
    fs::create_dir_all(layout.path(paths::AGENTCHAT_DIR))?;
    let json = serde_json::to_vec(ledger)?;
    files::replace(&layout.path(paths::USAGE_COPY), &json, true)
}

#[cfg(test)]
mod tests {
    use agentchat_contract::Usage;

    use super::*;

    fn ledger(turns: u64, first_start: i64) -> UsageLedger {
        let usage = Usage {
            turns,
            ..Usage::default()
        };
        UsageLedger { usage, first_start }
    }

    #[test]
    fn account_begins_with_the_record_and_a_copy_only_raises_it() {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::new(root.path().into());
        fs::create_dir_all(layout.path(paths::CONFIG_DIR)).unwrap();
        write_copy(&layout, &ledger(1000, 1)).unwrap();
        assert!(load(&layout, 100).unwrap_err().is_absent());

        let record = serde_json::to_vec(&ledger(5, 50)).unwrap();
        fs::write(layout.path(paths::USAGE), &record).unwrap();
        for (copy, expected) in [
            (ledger(4, 60), ledger(5, 50)),
            (ledger(6, 0), ledger(6, 50)),
            (ledger(0, 40), ledger(5, 40)),
        ] {
            write_copy(&layout, &copy).unwrap();
            assert_eq!(load(&layout, 100).unwrap(), expected);
        }
        for damaged in ["", "{", r#"{"usage":{"turns":9}}"#] {
            fs::write(layout.path(paths::USAGE_COPY), damaged).unwrap();
            assert_eq!(load(&layout, 100).unwrap(), ledger(5, 50));
        }
        assert_eq!(load(&layout, 30).unwrap().first_start, 30);

        fs::write(layout.path(paths::USAGE), "{}").unwrap();
        let refused = load(&layout, 100).unwrap_err();
        assert!(!refused.is_absent());
        assert!(refused.to_string().contains("usage.json is damaged"));
    }
}
