//! Pure planning. [`plan`] compares what an agent is meant to be with what its engine shows, and gives
//! an ordered list of [`Action`]s: empty when converged. No clients, no clock reads, no tokio.
//!
//! Guarantees:
//! * Nothing is created or removed when the engine's answer is unknown.
//! * At most one container of an agent is ever asked to run.
//! * A typed end (completed, budget, refused credential, …) waits for a change of the spec.

mod backoff;
mod planner;

pub use backoff::restart_delay_seconds;
pub use planner::{
    Action, Desired, Observed, ObservedContainer, ObservedPhase, Plan, Verdict, plan,
};
