//! What survives a restart: the session, and what was used so far.

use std::{fs, io, path::Path};

use agentchat_contract::Usage;
use serde::{Deserialize, Serialize};

/// The ledger, one file on the agent's volume.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Ledger {
    /// The session that Claude Code has confirmed.
    pub session: Option<String>,
    /// First start, Unix milliseconds.
    pub first_start: i64,
    /// Used so far.
    pub usage: Usage,
}

impl Ledger {
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
        assert_eq!(Ledger::read(&path), Ledger::default());
        let ledger = Ledger {
            session: Some("s".into()),
            first_start: 7,
            usage: Usage::default(),
        };
        ledger.write(&path).unwrap();
        assert_eq!(Ledger::read(&path), ledger);
        fs::write(&path, "{").unwrap();
        assert_eq!(Ledger::read(&path), Ledger::default());
    }
}
