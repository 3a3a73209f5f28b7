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
//!
//! Deadlines are not here but in [`Bounded`](crate::Bounded), which wraps any engine.

use std::{collections::BTreeMap, net::SocketAddr};

use agentchat_contract::{Delivery, State};
use bytes::Bytes;
use futures::{future::BoxFuture, stream::BoxStream};

/// Label keys that mark what a swarm owns.
pub mod labels {
    /// Id of the swarm: the UID of its Namespace `kube-system`.
    pub const SWARM: &str = "agentchat.dev/swarm";
    /// Namespace of the Agent.
    pub const NAMESPACE: &str = "agentchat.dev/namespace";
    /// Name of the Agent.
    pub const NAME: &str = "agentchat.dev/name";
    /// UID of the object that the container belongs to.
    pub const UID: &str = "agentchat.dev/uid";
    /// Node on which it was placed.
    pub const NODE: &str = "agentchat.dev/node";
    /// Hash of everything whose change needs a new container.
    pub const SPEC_HASH: &str = "agentchat.dev/spec-hash";
    /// What a Node runs for itself, for example [`CHAT_SERVER`]; agents' containers have none.
    pub const COMPONENT: &str = "agentchat.dev/component";
    /// Value of [`COMPONENT`]: the chat server of a Node.
    pub const CHAT_SERVER: &str = "chat-server";
    /// Value of [`COMPONENT`]: the scripted model.
    pub const SCRIPTED_MODEL: &str = "scripted-model";
    /// Id of an engine, on the volume that holds it; belongs to no swarm.
    pub const ENGINE: &str = "agentchat.dev/engine";
}

/// What an engine says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineInfo {
    /// The engine's own identity: it is kept in a labelled volume that is made once, and so the same for all
    /// who come to this engine, and another for each other engine. Two Nodes with the same id share its capacity.
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

/// A volume and where it is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeMount {
    /// Name of the volume; see [`Engine::ensure_volume`].
    pub name: String,
    /// Absolute path in the container.
    pub path: String,
}

/// A file system in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryMount {
    /// Absolute path in the container.
    pub path: String,
    /// Size in MiB.
    pub size_mib: u32,
    /// Who may write there.
    pub writable_by: MemoryOwner,
}

/// Who may write to a [`MemoryMount`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryOwner {
    /// Root of the container alone (mode 0755): what is delivered.
    Root,
    /// The image's user alone (mode 0700).
    User,
    /// Everybody, as `/tmp` (mode 1777), programs may be run from it.
    Everybody,
}

/// A port of the container that the host passes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishedPort {
    /// Where the host listens.
    pub host: SocketAddr,
    /// TCP port in the container.
    pub container: u16,
}

/// Everything needed to create one hardened container. Holds no secret by construction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
    /// More names under which others on the network find it.
    pub aliases: Vec<String>,
    /// Its own address on the network, when that is to be known beforehand: counted from the end of the network's
    /// range, 1 being the last one.
    pub address_from_end: Option<u32>,
    /// Names that it knows without asking a name server, with their addresses on the network, counted likewise.
    pub hosts: BTreeMap<String, u32>,
    /// The volume that outlives it, if it has one.
    pub volume: Option<VolumeMount>,
    /// File systems in memory.
    pub memory_mounts: Vec<MemoryMount>,
    /// Ports that the host passes on; none for agents.
    pub ports: Vec<PublishedPort>,
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

impl Container {
    /// What tells one run of a container from the next: its id and the start of the run.
    #[must_use]
    pub fn run_id(&self) -> String {
        let started = self.started_at.as_deref().unwrap_or("-");
        format!("{} {started}", self.id)
    }
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

/// Which of the swarm's containers are meant: those that carry all of these labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector(BTreeMap<&'static str, String>);

impl Selector {
    /// The containers of an Agent.
    #[must_use]
    pub fn agent(namespace: &str, name: &str) -> Self {
        Self::default()
            .with(labels::NAMESPACE, namespace)
            .with(labels::NAME, name)
    }

    /// What a Node runs for itself.
    #[must_use]
    pub fn component(node: &str, component: &str) -> Self {
        Self::default()
            .with(labels::NODE, node)
            .with(labels::COMPONENT, component)
    }

    fn with(mut self, key: &'static str, value: &str) -> Self {
        self.0.insert(key, value.to_owned());
        self
    }

    /// The labels and their values.
    pub fn labels(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(key, value)| (*key, value.as_str()))
    }

    /// Whether a container with these labels is meant.
    #[must_use]
    pub fn matches(&self, found: &BTreeMap<String, String>) -> bool {
        self.labels()
            .all(|(key, value)| found.get(key).map(String::as_str) == Some(value))
    }
}

/// Something happened to one of the swarm's containers. A hint to look again, never the truth itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerEvent {
    /// The container's labels.
    pub labels: BTreeMap<String, String>,
    /// Engine's word for what happened, for example `die`.
    pub action: String,
}

/// Something that a swarm has on an engine: `container agentchat-ada`, `volume …`, `network …`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owned {
    /// `container`, `volume` or `network`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
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
    /// The engine, or a program in a container, did not answer in time: nothing is known about what was asked for.
    #[error("it took longer than {seconds} s to {action}; it is tried again")]
    TimedOut {
        /// What was asked.
        action: &'static str,
        /// The deadline that passed.
        seconds: u64,
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
    /// Asks the engine who it is; also the liveness probe. Makes the engine's identity when it has none yet.
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
    /// The containers that are meant, in any state, with everything that is known of them. The engine is asked
    /// for these alone.
    fn find<'a>(
        &'a self,
        selector: &'a Selector,
    ) -> BoxFuture<'a, Result<Vec<Container>, EngineError>>;
    /// Creates a container, without starting it; gives its id.
    fn create<'a>(&'a self, spec: &'a ContainerSpec) -> BoxFuture<'a, Result<String, EngineError>>;
    /// Unpacks a tar archive into a container that was created and never started, at an absolute path that exists.
    fn import<'a>(
        &'a self,
        id: &'a str,
        path: &'a str,
        archive: Bytes,
    ) -> BoxFuture<'a, Result<(), EngineError>>;
    /// Starts a container; gives it as it is then, with the run that has begun.
    fn start<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Container, EngineError>>;
    /// Stops a container: SIGTERM, then SIGKILL after the seconds given.
    fn stop<'a>(
        &'a self,
        id: &'a str,
        timeout_seconds: u32,
    ) -> BoxFuture<'a, Result<(), EngineError>>;
    /// Removes a container, running or not.
    fn remove<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), EngineError>>;
    /// Hands configuration and secrets to `receiver`, a program of the image and its arguments, in the running
    /// container: as its root, over standard input.
    fn deliver<'a>(
        &'a self,
        id: &'a str,
        receiver: &'a [&'static str],
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
    ) -> BoxFuture<'a, Result<BoxStream<'static, Result<Bytes, EngineError>>, EngineError>>;
    /// Hints that containers of the swarm changed. Ends when the connection does: subscribe again, and look.
    fn events(&self) -> BoxFuture<'_, Result<BoxStream<'static, ContainerEvent>, EngineError>>;
    /// Everything that the swarm has on the engine, sorted.
    fn owned(&self) -> BoxFuture<'_, Result<Vec<Owned>, EngineError>>;
    /// Removes the engine's identity if no swarm has anything left on the engine.
    fn forget_identity(&self) -> BoxFuture<'_, Result<(), EngineError>>;
}
