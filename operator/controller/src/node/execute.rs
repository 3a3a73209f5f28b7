//! Carries a Node's plan out. No decisions are left here.

mod earlier;

use agentchat_api::SYSTEM_NAMESPACE;
use agentchat_plan::{Action, Plan};
use tracing::info;

use super::{
    observe::{ObservedNode, ObservedService},
    pki,
    plan::{ChatPlan, NodePlan, Teardown},
    validate::{Service, ValidatedNode},
};
use crate::{cache::CachedService, container::Executor, context::Context, error::Error};

/// Seconds that a service without a wanted container is given to end.
const GRACE_SECONDS: u32 = 20;

/// What came of a plan.
#[derive(Default)]
pub struct Outcomes {
    /// How many actions on containers were carried out.
    pub done: usize,
    /// What failed with the containers.
    pub service_error: Option<Error>,
    /// What failed with the chat server.
    pub chat_error: Option<Error>,
    /// What failed when the Node was removed.
    pub teardown_error: Option<Error>,
}

/// Carries out all of it; what fails for one thing keeps no other from being done.
pub async fn execute(
    plan: &NodePlan,
    node: &ValidatedNode,
    observed: &ObservedNode,
    context: &Context,
) -> Outcomes {
    let mut outcomes = Outcomes::default();
    let services = node.services.iter().zip(&observed.services);
    for ((service, seen), plan) in services.zip(&plan.services) {
        let (done, result) = run_service(plan, (service, seen), node, context).await;
        outcomes.done += done;
        if let Err(error) = result {
            outcomes.service_error.get_or_insert(error);
        }
    }
    if let Err(error) = settle_chat(&plan.chat, node, context).await {
        outcomes.chat_error = Some(error);
    }
    if let Some(teardown) = &plan.teardown
        && outcomes.service_error.is_none()
        && (outcomes.chat_error.is_none() || node.given_up)
        && let Err(error) = tear_down(teardown, node, context).await
    {
        outcomes.teardown_error = Some(error);
    }
    outcomes
}

async fn run_service(
    plan: &Plan,
    (service, seen): (&Service, &ObservedService),
    node: &ValidatedNode,
    context: &Context,
) -> (usize, Result<(), Error>) {
    let workload = service.wanted.as_ref().map(|(workload, _)| workload);
    let grace = workload.map_or(GRACE_SECONDS, |w| w.spec.stop_timeout_seconds);
    let mut executor = Executor::new(
        &context.engines,
        workload,
        &seen.found,
        (&service.volume, grace),
    );
    let key = (node.name.clone(), service.component);
    let mut done = 0;
    for action in &plan.actions {
        let creates = *action == Action::Create;
        if creates && let Some(folder) = &service.earlier_data {
            match earlier::pack(folder).await {
                Ok(archive) => executor.import = archive.map(|bytes| (earlier::TARGET, bytes)),
                Err(error) => return (done, Err(error)),
            }
        }
        let note = |f: &dyn Fn(&mut _)| {
            context
                .services
                .with(&key, |cached: &mut CachedService| f(&mut cached.run));
        };
        let mut result = executor.carry_out(action, &note).await;
        if creates
            && result.is_ok()
            && executor.import.take().is_some()
            && let Some(folder) = &service.earlier_data
        {
            result = earlier::set_aside(folder).await;
        }
        if let Err(error) = result {
            return (done, Err(error));
        }
        done += 1;
    }
    let restarts = executor.restarts;
    context.services.with(&key, |cached: &mut CachedService| {
        cached.restarts += restarts
    });
    (done, Ok(()))
}

async fn settle_chat(
    plan: &ChatPlan,
    node: &ValidatedNode,
    context: &Context,
) -> Result<(), Error> {
    let Some(access) = node.chat.as_ref().and_then(|chat| chat.access.as_ref()) else {
        return Ok(());
    };
    for channel in &plan.create {
        context.chat.create_channel(access, channel).await?;
    }
    for (key, note) in &plan.keys.approve {
        context.chat.approve(access, key, note).await?;
    }
    for agent in &plan.keys.revoke {
        context.chat.revoke(access, agent).await?;
        info!(agent, "a key was withdrawn from the allowlist");
    }
    Ok(())
}

/// Removes what belongs to a Node besides its containers.
async fn tear_down(
    teardown: &Teardown,
    node: &ValidatedNode,
    context: &Context,
) -> Result<(), Error> {
    if node.chat.is_some() {
        context.chat.forget(&node.name);
        pki::remove(&context.client, SYSTEM_NAMESPACE, &node.name).await?;
    }
    if let Some(network) = &teardown.network
        && let Some(connection) = context.engines.connected(&node.name)
    {
        connection.engine.remove_network(network).await?;
        connection.engine.forget_identity().await?;
    }
    Ok(())
}
