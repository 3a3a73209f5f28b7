//! Reading of delivered files.

use std::{fs, io};

use serde::de::DeserializeOwned;

use crate::Layout;

/// Why a delivered file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It is not there, or can't be read.
    #[error("can't read {path}; it must be delivered before the agent starts")]
    Read {
        /// Its path in the container.
        path: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Its contents are not what they should be.
    #[error("{path} is damaged, or of another version; use one version of operator and image")]
    Json {
        /// Its path in the container.
        path: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

impl FileError {
    /// Whether the file is not there.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

/// Reads a JSON file by its absolute path in the container.
pub(crate) fn read_json<T: DeserializeOwned>(
    layout: &Layout,
    path: &'static str,
) -> Result<T, FileError> {
    let text = fs::read(layout.path(path)).map_err(|source| FileError::Read { path, source })?;
    serde_json::from_slice(&text).map_err(|source| FileError::Json { path, source })
}
