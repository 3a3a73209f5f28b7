//! Containers whose Agent is gone, for example because its finalizer was taken away by hand.
//!
//! An Agent exists before its container and, by its finalizer, longer. So a container that was listed before
//! its Agent was looked for, and whose Agent is not found, has none. Its volume is kept.

use agentchat_api::Agent;
use agentchat_driver::{Listed, labels};
use kube::{
    Api,
    runtime::reflector::{ObjectRef, Store},
};
use tracing::warn;

use crate::{context::Context, error::Error};

/// Seconds that an orphan is given to end.
const GRACE: u32 = 30;

/// Removes those among the containers that are orphans.
pub async fn remove(context: &Context, listed: &[Listed]) -> Result<(), Error> {
    let Some(agents) = context.agents.get() else {
        return Ok(());
    };
    for container in listed.iter().filter(|c| !is_known(agents, c)) {
        let label = |key| container.labels.get(key);
        let (Some(namespace), Some(name)) = (label(labels::NAMESPACE), label(labels::NAME)) else {
            continue;
        };
        // The watch may be late; what is stored counts.
        let api = Api::<Agent>::namespaced(context.client.clone(), namespace);
        if api.get_opt(name).await?.is_some() {
            continue;
        }
        warn!(
            namespace,
            name,
            id = container.id,
            "its Agent is gone: the container is removed"
        );
        context.engine.stop(&container.id, GRACE).await?;
        context.engine.remove(&container.id).await?;
    }
    Ok(())
}

fn is_known(agents: &Store<Agent>, container: &Listed) -> bool {
    let label = |key| container.labels.get(key).map_or("", String::as_str);
    let reference = ObjectRef::new(label(labels::NAME)).within(label(labels::NAMESPACE));
    agents.get(&reference).is_some()
}
