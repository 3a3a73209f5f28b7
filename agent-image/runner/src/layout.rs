//! The paths of the contract, below a root that only tests change.

use std::path::{Path, PathBuf};

/// Where things are.
#[derive(Clone, Debug)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Below a root.
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// The root, where it is not `/`.
    pub fn unusual_root(&self) -> Option<&Path> {
        Some(self.root.as_path()).filter(|root| *root != Path::new("/"))
    }

    /// An absolute path of the contract, below the root.
    pub fn path(&self, absolute: &str) -> PathBuf {
        self.root.join(absolute.trim_start_matches('/'))
    }
}
