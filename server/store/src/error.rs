//! What can go wrong with storage.

use rusqlite::ErrorCode;

use crate::schema::SCHEMA;

/// Why storage failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite refused.
    #[error("the chat database failed")]
    Sqlite(#[from] rusqlite::Error),
    /// The file comes from a newer program.
    #[error(
        "the chat database has schema {0}, and this program knows {SCHEMA}; use the newer program"
    )]
    Newer(i64),
    /// The file is not what it was when it was written.
    #[error("the chat database is damaged: {0}")]
    Damaged(String),
    /// A backup would overwrite something.
    #[error("{0} exists; name a file that does not")]
    Exists(String),
    /// The file system refused a backup.
    #[error("{0} cannot be written; name a file in a folder that can be written to")]
    Unwritten(String, #[source] std::io::Error),
    /// A message whose offset does not follow that of the last one, or that has more than one line.
    #[error("message {1} of {0} does not follow the one before it")]
    OutOfOrder(String, u64),
    /// An earlier write of the same batch failed.
    #[error("an earlier write of the same batch failed")]
    Batch {
        /// Whether for want of room.
        full: bool,
    },
}

impl StoreError {
    /// Whether the disk is to blame: it is full, or it takes no writes for another reason.
    #[must_use]
    pub fn is_full(&self) -> bool {
        match self {
            Self::Sqlite(error) => matches!(
                error.sqlite_error_code(),
                Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure)
            ),
            Self::Batch { full } => *full,
            Self::Unwritten(_, error) => error.kind() == std::io::ErrorKind::StorageFull,
            Self::Newer(_) | Self::Damaged(_) | Self::Exists(_) | Self::OutOfOrder(..) => false,
        }
    }
}
