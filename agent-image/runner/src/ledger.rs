//! What survives a restart of the runner: the session.

use std::{fs, io, path::Path};

use serde::{Deserialize, Serialize};

/// The session ledger, one file on the agent's volume.
///
/// The agent can write it, so that nothing is in it that counts against the agent: the account of usage is the
/// supervisor's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SessionLedger {
    /// The session that Claude Code has confirmed.
    pub session: Option<String>,
}

impl SessionLedger {
    /// Reads it. An absent or damaged file is an empty ledger: the agent then starts anew, which the
    /// prompt says.
    pub fn read(path: &Path) -> Self {
        match fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                tracing::warn!(%error, "the session ledger is damaged; starting anew");
                Self::default()
            }),
            Err(_) => Self::default(),
        }
    }

    /// Writes it as a whole.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let fresh = path.with_extension("new");
        fs::write(&fresh, serde_json::to_vec(self)?)?;
        fs::File::open(&fresh)?.sync_all()?;
        fs::rename(&fresh, path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survives_its_file_and_a_damaged_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/ledger.json");
        assert_eq!(SessionLedger::read(&path), SessionLedger::default());
        let ledger = SessionLedger {
            session: Some("s".into()),
        };
        ledger.write(&path).unwrap();
        assert_eq!(SessionLedger::read(&path), ledger);
        fs::write(&path, "{").unwrap();
        assert_eq!(SessionLedger::read(&path), SessionLedger::default());
    }
}
