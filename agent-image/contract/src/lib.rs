//! What the operator and the agent image share: paths, configuration, states, exit codes and the
//! framing in which configuration and secrets are delivered.

pub mod exit;
pub mod paths;

mod config;
mod delivery;
mod file;
mod layout;
mod state;
mod update;
mod usage;
#[cfg(feature = "watch")]
mod watch;

pub use config::{AgentConfig, ChatConfig, LimitsConfig, RestartConfig, RuntimeConfig};
pub use delivery::{
    DELIVERY_LIMIT, DeliveredFile, Delivery, DeliveryError, Place, encode_delivery, read_delivery,
};
pub use file::FileError;
pub use layout::Layout;
pub use state::{
    Activity, ActivityState, ChatState, Phase, STATE_VERSION, Session, State, Termination,
    TerminationReason,
};
pub use update::{UPDATE_LIMIT, UPDATE_TAKEN, Update};
pub use usage::{Usage, UsageLedger};
#[cfg(feature = "watch")]
pub use watch::DeliveryWatch;
