//! Passes of observe → plan → execute, until there is nothing left to do.

use agentchat_api::{Agent, AgentStatus};
use agentchat_plan::{Action, Desired, Observed, Plan, Start, plan};
use k8s_openapi::jiff::Timestamp;
use tracing::debug;

use super::{
    Missing, Seen,
    dereference::{Needs, dereference},
    desired::{Build, build},
    execute::execute,
    observe::{look, views},
};
use crate::{
    context::Context,
    error::{Error, chain},
};

/// The most passes of one reconcile: to remove, to create, to start, and one to see that all is well.
const PASSES: usize = 4;

/// What the agent is to be, and what that takes.
struct Aim {
    desired: Desired,
    made: Option<(Needs, Build)>,
}

impl Aim {
    fn without_needs(desired: Desired) -> Self {
        Self {
            desired,
            made: None,
        }
    }
}

/// Converges; what was seen is in `seen` also when it fails on the way.
pub async fn converge(
    agent: &Agent,
    context: &Context,
    seen: &mut Seen,
    next: &mut AgentStatus,
) -> Result<(), Error> {
    look(agent, context, seen, next).await?;
    let mut aim = aim(agent, context, seen, next).await?;
    passes(agent, context, &mut aim, seen, next).await?;
    if let Some((needs, build)) = &aim.made {
        keep_approved(context, needs, build).await;
    }
    Ok(())
}

/// Removes all containers; true once none is left.
pub async fn remove(
    agent: &Agent,
    context: &Context,
    seen: &mut Seen,
    next: &mut AgentStatus,
) -> Result<bool, Error> {
    look(agent, context, seen, next).await?;
    let mut aim = Aim::without_needs(Desired::Gone);
    passes(agent, context, &mut aim, seen, next).await?;
    Ok(seen.containers.as_ref().is_some_and(Vec::is_empty))
}

async fn passes(
    agent: &Agent,
    context: &Context,
    aim: &mut Aim,
    seen: &mut Seen,
    next: &mut AgentStatus,
) -> Result<(), Error> {
    for _ in 0..PASSES {
        let containers = seen.containers.as_deref().unwrap_or_default();
        let observed = Observed::Known(views(agent, context, containers, next));
        let plan = plan(&aim.desired, &observed, Timestamp::now().as_second());
        seen.verdict = Some(plan.verdict.clone());
        if plan.actions.is_empty() {
            break;
        }
        if let Some((needs, build)) = &aim.made
            && let Some(missing) = obstacle(context, &plan, needs, build).await?
        {
            seen.missing = Some(missing);
            *aim = Aim::without_needs(Desired::Hold);
            continue;
        }
        let build = aim.made.as_ref().map(|(_, build)| build);
        execute(agent, context, &plan.actions, build, seen, next).await?;
        look(agent, context, seen, next).await?;
    }
    Ok(())
}

/// Who is to rest needs nothing; everybody else what the spec points at.
async fn aim(
    agent: &Agent,
    context: &Context,
    seen: &mut Seen,
    next: &mut AgentStatus,
) -> Result<Aim, Error> {
    if agent.spec.suspend {
        return Ok(Aim::without_needs(Desired::Rest));
    }
    let made = match dereference(agent, context, next).await {
        Ok(Ok(needs)) => build(agent, context, &needs).map(|build| Ok((needs, build))),
        Ok(Err(missing)) => Ok(Err(missing)),
        Err(error) => Err(error),
    };
    let missing = match made {
        Ok(Ok((needs, build))) => {
            return Ok(Aim {
                desired: build.desired.clone(),
                made: Some((needs, build)),
            });
        }
        Ok(Err(missing)) => missing,
        Err(Error::Invalid(message)) => Missing::new("Ready", "InvalidSpec", message),
        Err(error) => return Err(error),
    };
    seen.missing = Some(missing);
    Ok(Aim::without_needs(Desired::Hold))
}

/// What keeps a plan from being begun; nothing is stopped for a container that could not be brought up.
async fn obstacle(
    context: &Context,
    plan: &Plan,
    needs: &Needs,
    build: &Build,
) -> Result<Option<Missing>, Error> {
    let creates = plan.actions.contains(&Action::Create);
    let first = |action: &Action| {
        let start = Start::First;
        matches!(action, Action::Start { start: s, .. } if *s == start)
    };
    if creates && context.engine.image_id(&build.spec.image).await?.is_none() {
        let message = format!(
            "image {} is not on the engine; build it with `cargo xtask image`, or load it with `podman load`",
            build.spec.image
        );
        return Ok(Some(Missing::new("ImageReady", "ImageNotFound", message)));
    }
    if creates || plan.actions.iter().any(first) {
        return approve(context, needs, build).await;
    }
    Ok(None)
}

/// Before an agent comes to the chat server for the first time, the server must know its key.
async fn approve(
    context: &Context,
    needs: &Needs,
    build: &Build,
) -> Result<Option<Missing>, Error> {
    if needs.server_trouble.is_some() {
        return Ok(needs.server_trouble.clone());
    }
    let Some(identity) = &needs.identity else {
        return Ok(None);
    };
    let key = identity.public_key_pem();
    let approved = context
        .chat
        .approve(&needs.server, &key, &build.spec.name)
        .await;
    match approved {
        Ok(()) => Ok(None),
        Err(Error::Chat(error)) => {
            let message = format!(
                "the chat server of Node {} did not take the agent's key: {}",
                needs.server.node,
                chain(&error)
            );
            let missing = Missing::new("ChatConnected", "ServerNotAnswering", message);
            Ok(Some(missing))
        }
        Err(error) => Err(error),
    }
}

/// A server that lost its allowlist is told again; nobody waits for it.
async fn keep_approved(context: &Context, needs: &Needs, build: &Build) {
    match approve(context, needs, build).await {
        Ok(None) => {}
        Ok(Some(missing)) => debug!(missing.message, "the agent's key is not approved"),
        Err(error) => debug!(error = %chain(&error), "the agent's key is not approved"),
    }
}
