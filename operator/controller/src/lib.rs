//! Reconcile loops for Nodes and Agents, on kube-runtime.
//!
//! Level-triggered: a manifest, an engine event, a report from a container and the periodic resync all
//! queue the same key and take the same way: dereference → validate → observe → plan → execute → conditions.
//! The crate is given a [`kube::Client`]; it does not know whether a real cluster or the embedded API
//! is behind it. Engines come through [`Machines`], and are found by Node in [`Engines`].

mod agent;
mod cache;
mod chat;
mod container;
mod context;
mod engines;
mod error;
mod event;
mod merge;
mod node;
mod refusal;
mod run;
mod secret;
mod status;
mod triggers;
mod watch;

pub use context::{Context, Settings};
pub use engines::{Connection, EngineState, Engines, MachineError, Machines};
pub use run::run;
