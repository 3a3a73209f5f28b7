//! Pure planning. [`plan`] compares what an agent is meant to be with what its engine shows, and gives
//! an ordered list of [`Action`]s: empty when converged. No clients, no clock reads, no tokio.
//!
//! Guarantees:
//! * Nothing is created or removed when the engine's answer is unknown.
//! * At most one container of an agent is ever asked to run.
//! * A typed end (budget, refused credential, …) waits for a change that can mend it.
//! * A container that is in the middle of something is asked to stop before it is removed.

mod action;
mod delay;
mod planner;
mod state;

pub use action::{Action, Plan, Start, Verdict};
pub use delay::{probe_delay, restart_delay_seconds, retry_delay};
pub use planner::plan;
pub use state::{Desired, Observed, ObservedContainer, ObservedPhase};
