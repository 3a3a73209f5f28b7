//! Pure planning. [`plan`] compares what a workload (an agent, or what a Node runs for itself) is meant to be with
//! what engines show, and gives an ordered list of [`Action`]s: empty when converged. No clients, no clock reads, no
//! tokio. What a change of the manifest does is one table, in [`change`].
//!
//! Guarantees:
//! * Nothing is created or removed when an engine that had to be looked at did not answer.
//! * At most one container of a workload is ever asked to run, over all engines that were looked at.
//! * Nothing is stopped for a container that could not be brought up.
//! * A typed end (budget, refused credential, …) waits for a change that can mend it.
//! * A container that is in the middle of something is asked to stop before it is removed.

pub mod change;

mod action;
mod delay;
mod desired;
mod observed;
mod planner;

pub use action::{Action, At, Plan, Start, Unmet, Verdict};
pub use delay::{probe_delay, restart_delay_seconds, retry_delay};
pub use desired::{Desired, Target, Workload};
pub use observed::{ContainerRef, Containers, Observed, ObservedContainer, ObservedPhase};
pub use planner::plan;
