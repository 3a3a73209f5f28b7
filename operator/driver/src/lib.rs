//! Effects on hosts: containers through the Docker-compatible API of Podman.
//!
//! [`Engine`] is the seam; [`Podman`] and [`FakeEngine`] are behind it, and [`Bounded`] gives each call of either a
//! deadline. [`probe`] says of a socket whether a Podman that is new enough answers there, and if not, why.

mod agent;
mod bounded;
mod engine;
mod fake;
mod podman;
pub mod probe;

pub use agent::{AGENT_RECEIVER, agent_memory_mounts};
pub use bounded::{Bounded, Deadlines};
pub use engine::{
    Container, ContainerEvent, ContainerPhase, ContainerSpec, Engine, EngineError, EngineInfo,
    Listed, MemoryMount, MemoryOwner, Owned, PublishedPort, Selector, VolumeMount, labels,
};
pub use fake::FakeEngine;
pub use podman::Podman;
