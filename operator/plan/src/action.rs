//! What comes out of the plan: actions, and how the workload does.

use agentchat_contract::TerminationReason;

use crate::ContainerRef;

/// Which container an action is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum At {
    /// The one that this plan creates.
    Created,
    /// One that was observed.
    Observed(ContainerRef),
}

/// One step towards the desired state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Record in the status on which Node it is, before anything is created there.
    Bind {
        /// The Node.
        node: String,
    },
    /// Have the chat server approve its key.
    ApproveKey,
    /// Make the container on the target's Node, with the network and the volume that it needs.
    Create,
    /// Start a container.
    Start {
        /// Which.
        at: At,
        /// What kind of start it is.
        start: Start,
    },
    /// Hand over configuration and secrets.
    Deliver {
        /// Into which.
        at: At,
    },
    /// Stop it, gracefully.
    Stop {
        /// Which.
        at: ContainerRef,
    },
    /// Remove it.
    Remove {
        /// Which.
        at: ContainerRef,
    },
    /// Remove the volume that outlives its containers.
    RemoveVolume {
        /// On the engine of which Node.
        node: String,
    },
}

/// Kinds of starts; only restarts are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// The container's first.
    First,
    /// It was stopped on request, or what ended it was mended: it goes on.
    Resume,
    /// It ended by itself.
    Restart {
        /// How many in a row this one is, without a stable run between.
        in_a_row: u32,
    },
}

/// What the plan found, for the status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// An engine did not answer.
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

/// What has to be there before a container is brought up, and is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmet {
    /// The image is not on the engine.
    Image,
    /// The chat server can't take it.
    Server,
}

/// Actions in order, and what they are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What to do, in order.
    pub actions: Vec<Action>,
    /// How the workload does.
    pub verdict: Verdict,
    /// What keeps it from being brought up.
    pub unmet: Option<Unmet>,
}

impl Plan {
    /// A plan that nothing keeps from being carried out; with actions, the workload is on its way.
    pub(crate) fn new(actions: Vec<Action>, without_actions: Verdict) -> Self {
        let verdict = if actions.is_empty() {
            without_actions
        } else {
            Verdict::Converging
        };
        Self {
            actions,
            verdict,
            unmet: None,
        }
    }
}
