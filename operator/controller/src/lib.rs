//! Reconcile loops for Nodes and Agents, on kube-runtime.
//!
//! Level-triggered: a manifest, an engine event, a report from a container and the periodic resync all
//! queue the same key and take the same way: dereference → validate → observe → plan → execute → status.
//! The crate is given a [`kube::Client`]; it does not know whether a real cluster or the embedded API
//! is behind it.

mod agent;
mod chat;
mod context;
mod error;
mod live;
mod merge;
mod node;
mod run;
mod secret;
mod triggers;

pub use context::{Context, Settings};
pub use run::run;
