//! What comes out of the plan: actions, and where the agent stands.

use agentchat_contract::TerminationReason;

/// One step towards the desired state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Make the container; it is started once it is seen.
    Create,
    /// Start the container with this id.
    Start {
        /// Engine's id.
        id: String,
        /// What kind of start it is.
        start: Start,
    },
    /// Hand over configuration and secrets.
    Deliver {
        /// Engine's id.
        id: String,
    },
    /// Stop it, gracefully.
    Stop {
        /// Engine's id.
        id: String,
    },
    /// Remove it.
    Remove {
        /// Engine's id.
        id: String,
    },
}

/// Kinds of starts; only restarts are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// The container's first.
    First,
    /// It was asked to rest, or what ended it was mended: it goes on.
    Resume,
    /// It ended by itself.
    Restart {
        /// How many in a row this one is, without a stable run between.
        in_a_row: u32,
    },
}

/// What the plan found, for the status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The engine did not answer.
    Unknown,
    /// On its way.
    Converging,
    /// It runs and, unless it is held, has what it needs.
    Running,
    /// Nothing of it runs, as asked or because it is held.
    Stopped,
    /// It waits before the next start.
    BackingOff {
        /// Unix seconds of the next start.
        until: i64,
    },
    /// It ended for good.
    Ended(TerminationReason),
}

/// Actions in order, and what they are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What to do, in order.
    pub actions: Vec<Action>,
    /// Where the agent stands.
    pub verdict: Verdict,
}
