//! The machines that this release knows: the engine that the operator was started with.

use std::{path::PathBuf, sync::Arc};

use agentchat_api::Machine;
use agentchat_controller::{MachineError, Machines};
use agentchat_driver::{Engine, Podman};
use futures::{FutureExt, future::BoxFuture};

/// Machines of one swarm.
pub struct LocalMachines {
    /// Podman's socket of `local: {}`.
    pub socket: PathBuf,
    /// The swarm's id.
    pub swarm_id: String,
}

impl Machines for LocalMachines {
    fn engine<'a>(
        &'a self,
        _node: &'a str,
        machine: &'a Machine,
    ) -> BoxFuture<'a, Result<Arc<dyn Engine>, MachineError>> {
        async move {
            if machine.local.is_none() {
                let message = "spec.machine: only `local: {}` is supported by this release";
                return Err(MachineError::Unsupported(message.to_owned()));
            }
            let podman = Podman::connect(&self.socket, self.swarm_id.clone())?;
            Ok(Arc::new(podman) as Arc<dyn Engine>)
        }
        .boxed()
    }
}
