//! A person in the chat: the real `agentctl` against the real server, over real sockets.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where something unexpected happens"
)]

mod keeping;
mod person;
mod refusals;
mod server;
mod talk;
mod terminal;

use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(30);
