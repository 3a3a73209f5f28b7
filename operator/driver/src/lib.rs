//! Effects on hosts: containers through the Docker-compatible API of Podman.

mod engine;
mod fake;
mod podman;

pub use engine::{
    Container, ContainerEvent, ContainerPhase, ContainerSpec, Engine, EngineError, EngineInfo,
    Listed, is_of, labels,
};
pub use fake::FakeEngine;
pub use podman::Podman;
