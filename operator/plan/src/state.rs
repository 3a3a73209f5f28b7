//! What goes into the plan: what an agent is meant to be, and what its engine shows.

/// What an agent is meant to be, as far as its container goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Desired {
    /// It runs.
    Run {
        /// Hash of everything whose change needs a new container.
        spec_hash: String,
        /// Digest of what is delivered into the container; a change is delivered without a restart.
        delivery_digest: String,
    },
    /// It can't be brought up, since something that it needs is missing: nothing is begun and nothing ended.
    Hold,
    /// It rests, with everything that it has kept.
    Rest,
    /// It is being deleted: its containers go.
    Gone,
}

/// What an engine shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observed {
    /// The engine did not answer: nothing is known.
    Unknown,
    /// These containers of the agent exist; none means absent.
    Known(Vec<ObservedContainer>),
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

/// One container of the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedContainer {
    /// Engine's id.
    pub id: String,
    /// What it is doing.
    pub phase: ObservedPhase,
    /// Hash it was made from; `None` when it is not this agent's at all, or is too damaged to be kept.
    pub spec_hash: Option<String>,
    /// Exit code of the last run.
    pub exit_code: Option<i64>,
    /// Whether the last run ended because it was asked to.
    pub stopped: bool,
    /// Digest of the last delivery into the last run, if the operator knows of one.
    pub delivered: Option<String>,
    /// Restarts of this container in a row, without a stable run between.
    pub restarts_in_a_row: u32,
    /// Start of the last run, Unix seconds.
    pub started_at: Option<i64>,
    /// End of the last run, Unix seconds.
    pub finished_at: Option<i64>,
}
