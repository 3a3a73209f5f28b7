//! The narrow seam between the control plane and a container engine.
//!
//! Everything the controllers do to a host goes through [`Engine`]. The Podman implementation and the
//! in-memory fake are held to the same contract tests.
//!
//! Guarantees that every implementation gives:
//! * *Unknown is not absent*: an engine that does not answer gives [`EngineError::Unreachable`], never an
//!   empty list.
//! * Ownership is by label ([`labels`]), never by name.
//! * Every call may be repeated; creating what exists with the same labels, starting what runs, and
//!   removing what is gone all succeed.

use std::collections::BTreeMap;

use agentchat_contract::{Delivery, State};
use futures::{future::BoxFuture, stream::BoxStream};

/// Label keys that mark what a swarm owns.
pub mod labels {
    /// Id of the swarm: the UID of its Namespace `kube-system`.
    pub const SWARM: &str = "agentchat.dev/swarm";
    /// Namespace of the Agent.
    pub const NAMESPACE: &str = "agentchat.dev/namespace";
    /// Name of the Agent.
    pub const NAME: &str = "agentchat.dev/name";
    /// UID of the Agent object.
    pub const UID: &str = "agentchat.dev/uid";
    /// Node on which the Agent was placed.
    pub const NODE: &str = "agentchat.dev/node";
    /// Hash of everything whose change needs a new container.
    pub const SPEC_HASH: &str = "agentchat.dev/spec-hash";
}

/// What an engine says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineInfo {
    /// Stable id of the engine's storage; two Nodes with the same id share its capacity.
    pub id: String,
    /// Version of Podman, for example `4.3.1`.
    pub version: String,
    /// Version of the Docker-compatible API, for example `1.41`.
    pub api_version: String,
    /// Kernel release.
    pub kernel: String,
    /// CPU architecture, as the engine names it.
    pub architecture: String,
    /// Operating system of the host.
    pub os: String,
    /// Number of CPUs.
    pub cpus: u64,
    /// Memory in bytes.
    pub memory: u64,
}

/// Everything needed to create one hardened agent container. Holds no secret by construction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerSpec {
    /// Name of the container.
    pub name: String,
    /// Image reference; it must be present on the engine.
    pub image: String,
    /// Arguments to the image's entry point.
    pub args: Vec<String>,
    /// Environment, never secret.
    pub env: BTreeMap<String, String>,
    /// Ownership labels and the labels that existing set-ups know.
    pub labels: BTreeMap<String, String>,
    /// Network to attach to; see [`Engine::ensure_network`].
    pub network: String,
    /// Volume mounted at `/home/agent`; see [`Engine::ensure_volume`].
    pub home_volume: String,
    /// Upper bound of CPU time in thousandths of a CPU.
    pub cpu_millis: Option<u64>,
    /// Upper bound of memory in bytes.
    pub memory: Option<u64>,
    /// Upper bound of processes.
    pub pids: Option<u64>,
    /// Seconds that a stop waits before it kills.
    pub stop_timeout_seconds: u32,
}

/// State of a container as the engine reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerPhase {
    /// Created, never started.
    Created,
    /// Running.
    Running,
    /// Ended.
    Exited,
    /// Something else (paused, removing, …): act on it only after looking again.
    Other,
}

/// One container that the swarm owns, as observed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// Engine's id of the container.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its image, as a reference.
    pub image: String,
    /// Id (digest) of the image.
    pub image_id: String,
    /// All its labels.
    pub labels: BTreeMap<String, String>,
    /// What it is doing.
    pub phase: ContainerPhase,
    /// Exit code of the last run, once ended.
    pub exit_code: Option<i64>,
    /// Whether the last run was ended by the kernel for want of memory.
    pub oom_killed: bool,
    /// Start of the last run, RFC 3339, once started. Differs between two runs of one container.
    pub started_at: Option<String>,
    /// End of the last run, RFC 3339, once ended.
    pub finished_at: Option<String>,
}

/// One container that the swarm owns, as far as a list of them all tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Engine's id of the container.
    pub id: String,
    /// All its labels.
    pub labels: BTreeMap<String, String>,
    /// Whether it runs.
    pub running: bool,
}

/// Whether labels are those of an agent's container.
#[must_use]
pub fn is_of(found: &BTreeMap<String, String>, namespace: &str, name: &str) -> bool {
    let is = |label, value| found.get(label).map(String::as_str) == Some(value);
    is(labels::NAMESPACE, namespace) && is(labels::NAME, name)
}

/// Something happened to one of the swarm's containers. A hint to look again, never the truth itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerEvent {
    /// Namespace of the Agent, from the label.
    pub namespace: String,
    /// Name of the Agent, from the label.
    pub name: String,
    /// Engine's word for what happened, for example `die`.
    pub action: String,
}

/// Why an engine call failed.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// No answer: nothing is known about what exists.
    #[error("the engine at {socket} does not answer: {reason}")]
    Unreachable {
        /// Where the engine was looked for.
        socket: String,
        /// What happened, with what to do next.
        reason: String,
    },
    /// The image is not on the engine.
    #[error(
        "image {0} is not on the engine; build it with `cargo xtask image` or load it with `podman load`"
    )]
    ImageNotFound(String),
    /// The container does not exist.
    #[error("container {0} does not exist")]
    ContainerNotFound(String),
    /// A name that we need is taken by something the swarm does not own.
    #[error("the name {0} is taken by something that this swarm does not own; rename or remove it")]
    NameTaken(String),
    /// The engine refused.
    #[error("the engine refused to {action}: {message}")]
    Refused {
        /// What was asked.
        action: String,
        /// The engine's own words.
        message: String,
    },
    /// A command inside the container failed.
    #[error("`{command}` in the container ended with exit code {code}: {output}")]
    Exec {
        /// The command.
        command: String,
        /// Its exit code.
        code: i64,
        /// The end of its output, bounded.
        output: String,
    },
}

/// A container engine, seen through one swarm: it lists and touches only what carries the swarm's label.
pub trait Engine: Send + Sync + 'static {
    /// Asks the engine who it is; also the liveness probe.
    fn info(&self) -> BoxFuture<'_, Result<EngineInfo, EngineError>>;
    /// Whether the image is present; its id (digest) if so.
    fn image_id<'a>(&'a self, image: &'a str)
    -> BoxFuture<'a, Result<Option<String>, EngineError>>;
    /// Makes the swarm's bridge network if it is absent.
    fn ensure_network<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), EngineError>>;
    /// Removes the swarm's network; absent is fine.
    fn remove_network<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), EngineError>>;
    /// Makes a labelled volume if it is absent.
    fn ensure_volume<'a>(
        &'a self,
        name: &'a str,
        labels: &'a BTreeMap<String, String>,
    ) -> BoxFuture<'a, Result<(), EngineError>>;
    /// Removes a volume; absent is fine.
    fn remove_volume<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), EngineError>>;
    /// All containers of the swarm, in any state: one question to the engine, however many there are.
    fn list(&self) -> BoxFuture<'_, Result<Vec<Listed>, EngineError>>;
    /// The containers of one agent, in any state, with everything that is known of them.
    fn find<'a>(
        &'a self,
        namespace: &'a str,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Vec<Container>, EngineError>>;
    /// Creates a container, without starting it; gives its id.
    fn create<'a>(&'a self, spec: &'a ContainerSpec) -> BoxFuture<'a, Result<String, EngineError>>;
    /// Starts a container.
    fn start<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), EngineError>>;
    /// Stops a container: SIGTERM, then SIGKILL after the seconds given.
    fn stop<'a>(
        &'a self,
        id: &'a str,
        timeout_seconds: u32,
    ) -> BoxFuture<'a, Result<(), EngineError>>;
    /// Removes a container, running or not.
    fn remove<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), EngineError>>;
    /// Hands configuration and secrets to `agent-supervisor receive` in the running container.
    fn deliver<'a>(
        &'a self,
        id: &'a str,
        delivery: &'a Delivery,
    ) -> BoxFuture<'a, Result<(), EngineError>>;
    /// Follows the states that the supervisor reports; ends when the container does. Untrusted, for display only.
    fn report<'a>(
        &'a self,
        id: &'a str,
    ) -> BoxFuture<'a, Result<BoxStream<'static, State>, EngineError>>;
    /// Output of the container's PID 1, oldest first; `tail` lines at most, then live ones if `follow`.
    fn logs<'a>(
        &'a self,
        id: &'a str,
        follow: bool,
        tail: Option<u32>,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Result<bytes::Bytes, EngineError>>, EngineError>>;
    /// Hints that containers of the swarm changed. Ends when the connection does: subscribe again, and look.
    fn events(&self) -> BoxFuture<'_, Result<BoxStream<'static, ContainerEvent>, EngineError>>;
}
