//! What the operator and the images of its containers share: paths, an agent's configuration, states and
//! exit codes, and the delivery of configuration and secrets: its framing, and how it is written.

pub mod exit;
pub mod paths;
pub mod server;

mod config;
mod delivery;
mod file;
mod layout;
mod limits;
mod state;
mod update;
mod usage;
#[cfg(feature = "watch")]
mod watch;
mod write_delivery;

pub use config::{AgentConfig, ChatConfig, LimitsConfig, RestartConfig, RuntimeConfig};
pub use delivery::{
    DELIVERY_LIMIT, DeliveredFile, Delivery, DeliveryDir, DeliveryError, encode_delivery,
    read_delivery,
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
pub use write_delivery::{DELIVERY_MARKER, DeliveryDirs, DeliveryWriteError, write_delivery};
