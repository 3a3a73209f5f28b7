//! The Node loop: dereference → validate → observe → plan → execute → conditions, like the Agent's. A Node's engine
//! is asked here and nowhere else, and what the Node runs for itself (a chat server) is kept here like an agent's
//! container is.

mod allowlist;
mod conditions;
mod dereference;
mod execute;
mod observe;
mod pki;
mod plan;
mod requeue;
mod status;
mod talkers;
mod validate;

use std::sync::Arc;

use agentchat_api::{FINALIZER, Node};
use k8s_openapi::jiff::Timestamp;
use kube::{
    Api, ResourceExt,
    runtime::{
        controller::Action,
        finalizer::{Event, finalizer},
    },
};

pub use requeue::after_error;

use crate::{
    context::Context,
    error::{Error, Retry},
};

/// Brings one Node closer to what its manifest says.
#[tracing::instrument(name = "node", skip_all, fields(name = node.name_any()))]
pub async fn reconcile(node: Arc<Node>, context: Arc<Context>) -> Result<Action, Error> {
    let api = Api::<Node>::all(context.client.clone());
    let act = async {
        let outcome = finalizer(&api, FINALIZER, node.clone(), |event| async {
            match event {
                Event::Apply(node) => converge(&node, &context).await,
                Event::Cleanup(node) => {
                    let done = converge(&node, &context).await?;
                    status::forget(&node.name_any(), &context);
                    Ok(done)
                }
            }
        })
        .await
        .map_err(Error::from);
        if let Err(error) = &outcome
            && error.retry() == Retry::OnChange
        {
            status::write_refusal(&node, error, &context).await;
        }
        outcome
    };
    tokio::select! {
        outcome = act => outcome,
        () = context.out_of_time() => Err(Error::Stopping),
    }
}

/// One pass. For a Node that is being deleted, success means that nothing of it is left.
async fn converge(node: &Node, context: &Arc<Context>) -> Result<Action, Error> {
    context.stores.wait_until_ready().await?;
    let dereferenced = dereference::dereference(node, context).await?;
    let validated = validate::validate(node, dereferenced, &context.settings);
    let observed = observe::observe(&validated, context).await;
    let plan = plan::plan(&validated, &observed, Timestamp::now().as_second());
    let outcomes = execute::execute(&plan, &validated, &observed, context).await;
    let next = conditions::conditions(&validated, &observed, &plan, &outcomes, Timestamp::now());
    status::write(&validated, &next, context).await?;
    requeue::after(&plan, &next, outcomes)
}
