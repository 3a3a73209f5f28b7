//! Carries a plan out. No decisions are left here: the first failure ends it, and the next reconcile looks anew.

use agentchat_api::Agent;
use agentchat_contract::{DeliveredFile, DeliveryDir};
use agentchat_plan::{Action, Plan};
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::json;

use super::{
    observe::ObservedAgent,
    validate::{Approval, ValidatedAgent},
};
use crate::{
    container::{Executor, Workload},
    context::Context,
    error::Error,
};

/// What came of a plan.
#[derive(Default)]
pub struct Outcomes {
    /// How many actions were carried out.
    pub done: usize,
    /// The action that failed, and why.
    pub failed: Option<(Action, Error)>,
    /// Node that the status names since then.
    pub bound: Option<String>,
    /// How often the container was started again.
    pub restarts: u32,
}

/// Carries out the actions in order.
pub async fn execute(
    plan: &Plan,
    agent: &ValidatedAgent,
    observed: &ObservedAgent,
    context: &Context,
) -> Outcomes {
    let mut outcomes = Outcomes::default();
    let run = agent.run();
    let workload = run.map(|run| with_usage(&run.workload, observed));
    let mut executor = Executor::new(
        &context.engines,
        workload.as_ref(),
        observed.found(),
        (&agent.home_volume, agent.grace_seconds),
    );
    for action in &plan.actions {
        let carried_out = match action {
            Action::Bind { node } => {
                let bound = bind(agent, node, context).await;
                if bound.is_ok() {
                    outcomes.bound = Some(node.clone());
                }
                bound
            }
            Action::ApproveKey => approve(run.and_then(|run| run.approval.as_ref()), context).await,
            other => {
                let note = |f: &dyn Fn(&mut _)| {
                    context.agents.with(&agent.key, |cached| f(&mut cached.run));
                };
                executor.carry_out(other, &note).await
            }
        };
        if let Err(error) = carried_out {
            outcomes.failed = Some((action.clone(), error));
            break;
        }
        outcomes.done += 1;
    }
    outcomes.restarts = executor.restarts;
    outcomes
}

/// What is delivered, with the operator's account of what was used. It is no part of the digest: it is read when a
/// container starts, and a container that runs counts on by itself.
fn with_usage(workload: &Workload, observed: &ObservedAgent) -> Workload {
    let mut workload = workload.clone();
    if let Some(delivery) = &mut workload.delivery
        && let Ok(contents) = serde_json::to_vec(&observed.ledger)
    {
        delivery.files.push(DeliveredFile {
            dir: DeliveryDir::Config,
            path: "usage.json".to_owned(),
            contents,
        });
    }
    workload
}

/// Records in the status on which Node the agent is: an operator that ends before it has created anything there
/// finds out where to look.
async fn bind(agent: &ValidatedAgent, node: &str, context: &Context) -> Result<(), Error> {
    let (namespace, name) = &agent.key;
    let api = Api::<Agent>::namespaced(context.client.clone(), namespace);
    let patch = json!({"metadata": {"uid": agent.uid}, "status": {"nodeName": node}});
    let params = PatchParams::default();
    api.patch_status(name, &params, &Patch::Merge(patch))
        .await?;
    Ok(())
}

async fn approve(approval: Option<&Approval>, context: &Context) -> Result<(), Error> {
    let Some(approval) = approval else {
        return Ok(());
    };
    let Approval {
        server,
        public_key,
        note,
    } = approval;
    context.chat.approve(server, public_key, note).await
}
