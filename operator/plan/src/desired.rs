//! What a workload is meant to be, as far as its container goes.

/// What a workload is meant to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Desired {
    /// It runs.
    Run(Target),
    /// It can't be brought up, since something that it needs is missing: nothing is begun and nothing ended.
    Hold,
    /// Nothing of it runs; everything is kept.
    Suspended,
    /// It is being deleted: its containers and volumes are removed.
    Absent,
}

/// The one container that is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Node to run on.
    pub node: String,
    /// Hash of everything whose change needs a new container; see [`crate::change`].
    pub spec_hash: String,
    /// Digest of what is delivered into the container; a change is delivered without a restart.
    pub delivery_digest: String,
    /// What kind of workload it is.
    pub workload: Workload,
    /// Whether its key must be approved by the chat server before its first start.
    pub needs_approval: bool,
    /// Whether the chat server can take it; asked before its first start.
    pub server_ready: bool,
}

/// Kinds of workloads; they differ in how they end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// An agent: exit codes of its supervisor are typed ends, and restarts back off to minutes.
    Agent,
    /// Something that a Node runs for itself: whatever its exit code, it is started again, within seconds.
    Service,
}
