//! The folder of a swarm: `$XDG_STATE_HOME/agentchat/<swarm>`, its owner's alone.
//!
//! [`State`] is the folder, [`SwarmConfig`] what was chosen for the swarm, [`Lock`] what keeps two `agentctl` apart.

mod config;
mod folder;
mod lock;

pub use config::{Credentials, SwarmConfig};
pub use folder::{State, write_private};
pub use lock::Lock;
