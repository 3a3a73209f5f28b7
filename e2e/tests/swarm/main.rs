//! Swarms as a user runs them: the real programs, real Podman, real kubectl, real Claude Code. Only the
//! model's HTTP endpoint is scripted.
//!
//! Needs the environment that `cargo xtask test` sets: `AGENTCHAT_E2E_SOCKET`, `AGENTCHAT_E2E_IMAGE`.

mod chat;
mod processes;
mod scenario;
mod swarm;
mod wait;
