//! What engines show of one workload.

/// What was observed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// Its containers.
    pub containers: Containers,
    /// Nodes whose engines were looked at, each engine once.
    pub nodes: Vec<String>,
    /// Node that the status says it is on.
    pub bound: Option<String>,
    /// Whether the image is on the target's engine; `None` when there was no need to ask.
    pub image_present: Option<bool>,
    /// Whether the chat server is known to have approved its key.
    pub key_approved: bool,
    /// Whether what it has used has reached a limit of the manifest.
    pub over_limit: bool,
}

/// Containers over all engines that were looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Containers {
    /// An engine that had to be looked at did not answer: nothing is known.
    Unknown,
    /// These exist; none means absent.
    Known(Vec<ObservedContainer>),
}

impl Default for Containers {
    fn default() -> Self {
        Self::Known(vec![])
    }
}

/// Where a container is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerRef {
    /// A Node on whose engine it is.
    pub node: String,
    /// Engine's id of it.
    pub id: String,
}

/// Phase of an observed container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObservedPhase {
    /// Created, never started.
    Created,
    /// Running.
    Running,
    /// Ended.
    Exited,
    /// In between (paused, stopping, being removed, …): look again.
    Other,
}

/// One container of the workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedContainer {
    /// Where it is.
    pub at: ContainerRef,
    /// What it is doing.
    pub phase: ObservedPhase,
    /// Hash it was made from; `None` when it is another object's of the same name.
    pub spec_hash: Option<String>,
    /// Exit code of the last run.
    pub exit_code: Option<i64>,
    /// Whether the last run ended because it was asked to.
    pub stopped: bool,
    /// Digest of the last delivery into the last run, if the operator knows of one.
    pub delivered: Option<String>,
    /// Digest of the delivery that the last run began with, if the operator knows: what its processes may still use.
    pub started_with: Option<String>,
    /// Restarts of this container in a row, without a stable run between.
    pub restarts_in_a_row: u32,
    /// Start of the last run, Unix seconds.
    pub started_at: Option<i64>,
    /// End of the last run, Unix seconds.
    pub finished_at: Option<i64>,
}
