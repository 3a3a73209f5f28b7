//! The tools as Claude Code calls them: JSON-RPC over the real program's standard input and output, against
//! the real chat server.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where something unexpected happens"
)]

mod chat;
mod conversations;
mod deliveries;
mod process;
mod supervisor;

use std::time::Duration;

/// Longest wait for anything.
pub const DEADLINE: Duration = Duration::from_secs(20);
