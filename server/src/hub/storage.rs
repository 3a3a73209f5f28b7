//! A failed database, as whoever asked for something is told of it.

use crate::frame::Refusal;

/// A failed database is the server's trouble. After a failed write the whole batch fails, and this refusal
/// is never sent.
pub fn storage(error: agentchat_store::StoreError) -> Refusal {
    tracing::error!(%error, "storage failed");
    (
        "INVALID_MSG",
        "the server could not store this; nothing was done".to_owned(),
    )
}
