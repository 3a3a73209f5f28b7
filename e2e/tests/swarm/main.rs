//! Swarms as a user runs them: the real programs, real Podman, real kubectl, real Claude Code. Only the
//! model's HTTP endpoint is scripted.
//!
//! Needs the environment that `cargo xtask test` sets: `AGENTCHAT_E2E_SOCKET`, `AGENTCHAT_E2E_IMAGE`,
//! `AGENTCHAT_E2E_SERVER_IMAGE`, `AGENTCHAT_E2E_MODEL_IMAGE`.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where something unexpected happens"
)]
#![expect(clippy::print_stderr, reason = "says what a clean-up could not remove")]

mod chat;
mod host;
mod migration;
mod scenario;
mod swarm;
mod wait;
