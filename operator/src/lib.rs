//! Parts of the control plane's composition: its command line, its machines, and access to agents' logs.

pub mod access;
pub mod args;
pub mod machines;
