//! The Node loop: probe the engine, make the chat server's keys, probe the server, keep its channels.

mod cleanup;
mod engine;
mod orphans;
mod pki;
mod server;
mod status;

use std::{sync::Arc, time::Duration};

use agentchat_api::{FINALIZER, Node, NodePhase, NodeRole, NodeStatus};
use agentchat_plan::probe_delay;
use k8s_openapi::jiff::Timestamp;
use kube::{
    Api, ResourceExt,
    runtime::{
        controller::Action,
        finalizer::{Event, finalizer},
    },
};

use crate::{
    context::Context,
    error::{Error, chain},
};

/// How often a Node is probed.
const PROBE: Duration = Duration::from_secs(10);

/// Why a Node is not ready: one word, and a sentence.
type Problem = (&'static str, String);

/// Brings one Node closer to what its manifest says.
#[tracing::instrument(name = "node", skip_all, fields(name = node.name_any()))]
pub async fn reconcile(node: Arc<Node>, context: Arc<Context>) -> Result<Action, Error> {
    let api = Api::<Node>::all(context.client.clone());
    let act = finalizer(&api, FINALIZER, node, |event| async {
        match event {
            Event::Apply(node) => apply(&node, &context).await,
            Event::Cleanup(node) => cleanup::cleanup(&node, &context).await,
        }
    });
    tokio::select! {
        outcome = act => Ok(outcome?),
        () = context.out_of_time() => Err(Error::Stopping),
    }
}

async fn apply(node: &Node, context: &Context) -> Result<Action, Error> {
    let stored = status::stored(node, context).await?;
    let mut next = stored.clone();
    next.observed_generation = node.metadata.generation;
    let looked = look(node, context, &mut next).await;
    let problem = match &looked {
        Ok(problem) => problem.clone(),
        Err(Error::Invalid(message)) => Some(("InvalidSpec", message.clone())),
        Err(error) => Some(("ReconcileFailed", chain(error))),
    };
    next.phase = Some(if problem.is_none() {
        NodePhase::Ready
    } else {
        NodePhase::NotReady
    });
    let (reason, message) = problem.as_ref().map_or(("Ready", ""), |(r, m)| (r, m));
    let ready = Some(problem.is_none());
    status::set(node, &mut next, ("Ready", ready), (reason, message));
    status::write(node, context, &stored, &next).await?;
    looked?;
    Ok(Action::requeue(if problem.is_none() {
        PROBE
    } else {
        probe_delay(status::not_ready_for(&next, Timestamp::now()))
    }))
}

/// Looks at everything that the Node is for; the first problem makes it not ready.
async fn look(
    node: &Node,
    context: &Context,
    next: &mut NodeStatus,
) -> Result<Option<Problem>, Error> {
    if node.spec.machine.local.is_none() {
        let message = "spec.machine: only `local: {}` is supported by this release";
        return Ok(Some(("MachineUnsupported", message.to_owned())));
    }
    let engine = engine::probe(node, context, next).await;
    // The chat server is no container: it can be well while the engine is not.
    let server = match node.spec.role {
        NodeRole::Server => server::serve(node, context, next).await?,
        NodeRole::Client => None,
    };
    Ok(engine.or(server))
}
