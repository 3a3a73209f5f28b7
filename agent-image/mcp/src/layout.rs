//! The paths of the contract, below a root that only tests change.

use std::path::PathBuf;

/// Where things are.
#[derive(Clone, Debug)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Below `AGENT_ROOT`, which only tests set; `/` otherwise.
    pub fn from_env() -> Self {
        let root = std::env::var_os("AGENT_ROOT").unwrap_or_else(|| "/".into());
        Self { root: root.into() }
    }

    /// An absolute path of the contract, below the root.
    pub fn path(&self, absolute: &str) -> PathBuf {
        self.root.join(absolute.trim_start_matches('/'))
    }
}
