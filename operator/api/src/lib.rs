//! Resource types of the API group `agentchat.dev/v1alpha1`: what people declare, and what the
//! controllers report back.
//!
//! The types are the source of `manifests/crds/*.yaml` (see [`crds`]); a test keeps the two equal.

mod agent;
mod condition;
mod crd;
mod duration;
mod names;
mod node;

pub use agent::*;
pub use condition::{ConditionType, Reason, Statement, find_condition, is_true, set_condition};
pub use crd::{crds, definition};
pub use duration::{DurationError, parse_duration};
pub use names::*;
pub use node::*;
