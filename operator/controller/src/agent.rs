//! The Agent loop: dereference → validate → observe → plan → execute → conditions. One stage a file, each passes on
//! one value, and none is visited twice. A change of many steps takes one pass; the next pass sees what came of it.

mod conditions;
mod dereference;
mod execute;
mod observe;
mod report;
mod report_throttle;
mod reported;
mod requeue;
mod status;
mod validate;

use std::sync::Arc;

use agentchat_api::{Agent, FINALIZER};
use agentchat_plan::plan;
use k8s_openapi::jiff::Timestamp;
use kube::{
    Api, ResourceExt,
    runtime::{
        controller::Action,
        finalizer::{Event, finalizer},
    },
};

pub use requeue::after_error;
pub use validate::select_server;

use crate::{
    cache::key_of,
    context::Context,
    error::{Error, Retry},
};

/// Brings one Agent closer to what its manifest says.
#[tracing::instrument(name = "agent", skip_all, fields(namespace = agent.namespace(), name = agent.name_any()))]
pub async fn reconcile(agent: Arc<Agent>, context: Arc<Context>) -> Result<Action, Error> {
    let namespace = agent
        .namespace()
        .ok_or_else(|| Error::Invalid("an Agent without a namespace".into()))?;
    let api = Api::<Agent>::namespaced(context.client.clone(), &namespace);
    let act = async {
        let outcome = finalizer(&api, FINALIZER, agent.clone(), |event| async {
            match event {
                Event::Apply(agent) => converge(&agent, &context).await,
                Event::Cleanup(agent) => {
                    let done = converge(&agent, &context).await?;
                    context.agents.forget(&key_of(&agent));
                    Ok(done)
                }
            }
        })
        .await
        .map_err(Error::from);
        if let Err(error) = &outcome
            && error.retry() == Retry::OnChange
        {
            status::write_refusal(&agent, error, &context).await;
        }
        outcome
    };
    tokio::select! {
        outcome = act => outcome,
        () = context.out_of_time() => Err(Error::Stopping),
    }
}

/// One pass. For an Agent that is being deleted, success means that nothing of it is left.
async fn converge(agent: &Agent, context: &Arc<Context>) -> Result<Action, Error> {
    context.stores.wait_until_ready().await?;
    let dereferenced = dereference::dereference(agent, context).await?;
    let validated = validate::validate(agent, dereferenced, &context.settings);
    let observed = observe::observe(&validated, context).await;
    let plan = plan(
        &validated.desired(),
        &observed.for_plan,
        Timestamp::now().as_second(),
    );
    let outcomes = execute::execute(&plan, &validated, &observed, context).await;
    let next = conditions::conditions(&validated, &observed, &plan, &outcomes, Timestamp::now());
    status::write(&validated, &next, context).await?;
    report::follow_or_end(&plan, &observed, &validated.key, context);
    requeue::after(&validated, &plan, outcomes, context)
}
