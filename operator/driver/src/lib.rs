//! Effects on hosts: containers through the Docker-compatible API of Podman.

mod engine;

pub use engine::{
    Container, ContainerEvent, ContainerPhase, ContainerSpec, Engine, EngineError, EngineInfo,
    labels,
};
