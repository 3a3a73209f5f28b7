//! The operator's own connection to each chat server: it approves keys and keeps channels.

mod access;
mod identity;
mod servers;
mod session;

pub use access::{ServerAccess, key_note};
pub use identity::ensure_identity;
pub use servers::ChatServers;
pub use session::ServerContents;
