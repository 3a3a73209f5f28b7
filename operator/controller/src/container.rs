//! What agents and the services of Nodes have in common: a container that is found, compared and converged.

mod execute;
mod find;

use agentchat_contract::{Delivery, encode_delivery};
use agentchat_plan::change::digest;

pub use execute::{Executor, Workload};
pub use find::{Found, Search, current, find};

/// Digest of what is delivered, whatever the generation it was made from: the plan compares it.
pub fn delivery_digest(delivery: &Delivery) -> String {
    digest(&encode_delivery(&Delivery {
        generation: 0,
        ..delivery.clone()
    }))
}
