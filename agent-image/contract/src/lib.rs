//! What the operator and the agent image share: paths, configuration, states, exit codes and the
//! framing in which configuration and secrets are delivered.

pub mod exit;
pub mod paths;

mod config;
mod delivery;
mod layout;
mod state;
mod update;

pub use config::{AgentConfig, ChatConfig, LimitsConfig, RestartConfig, RuntimeConfig};
pub use delivery::{
    DELIVERY_LIMIT, DeliveredFile, Delivery, DeliveryError, Place, encode_delivery, read_delivery,
};
pub use layout::Layout;
pub use state::{
    Activity, ActivityState, ChatState, Phase, STATE_VERSION, Session, State, Termination,
    TerminationReason, Usage,
};
pub use update::{UPDATE_LIMIT, Update};
