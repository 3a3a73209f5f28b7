//! Parts of the control plane's composition: its command line, and access to agents' logs.

pub mod access;
pub mod args;

use std::sync::Arc;

/// The engine, shared by everything that needs it.
pub type SharedEngine = Arc<dyn agentchat_driver::Engine>;
