//! The controllers against the embedded API, the real chat server and an engine in memory.
#![expect(
    clippy::unwrap_used,
    reason = "a test ends where something unexpected happens"
)]

mod agents;
mod chat_server;
mod delivery;
mod engines;
mod grants;
mod invalid;
mod limits;
mod missing;
mod nodes;
mod recovery;
mod refusal;
mod server;
mod swarm;
mod wait;

use swarm::Swarm;
