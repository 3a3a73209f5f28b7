//! What every agent's container has besides its spec.

use crate::engine::{MemoryMount, MemoryOwner};

/// The program of agents' images that takes a delivery, and its arguments.
pub const AGENT_RECEIVER: &[&str] = &["/usr/local/bin/agent-supervisor", "receive"];

/// The file systems in memory of an agent's container: what the supervisor works with, what is delivered
/// (read-only for the agent), and `/tmp`.
#[must_use]
pub fn agent_memory_mounts() -> Vec<MemoryMount> {
    [
        ("/run/agent", 4, MemoryOwner::User),
        ("/etc/agent", 8, MemoryOwner::Root),
        ("/run/secrets", 8, MemoryOwner::Root),
        ("/tmp", 64, MemoryOwner::Everybody),
    ]
    .map(|(path, size_mib, writable_by)| MemoryMount {
        path: path.to_owned(),
        size_mib,
        writable_by,
    })
    .into()
}
