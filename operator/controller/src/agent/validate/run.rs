//! How an agent that is to run is run: each part of the manifest in turn.

use agentchat_api::Agent;
use agentchat_plan::Target;

use super::{
    AgentRun, Approval, Bound, UnmetPrecondition, configuration, container, credential, delivery,
    placement::{self, Placement},
    resources,
};
use crate::{agent::dereference::Dereferenced, cache::key_of, chat::key_note, context::Settings};

/// Where, with what, and through which server it runs; or the first thing that keeps it from running.
pub fn run(
    agent: &Agent,
    found: &Dereferenced,
    (bound, settings): (Option<&Bound>, &Settings),
) -> Result<AgentRun, UnmetPrecondition> {
    let Placement {
        node,
        chat_url,
        server,
        server_unready,
    } = placement::place(agent, found, bound)?;
    let configuration = configuration::read(agent, &found.personality)?;
    let credential = credential::select(agent, &found.credentials)?;
    let identity = match &found.identity {
        None => None,
        Some(Ok(identity)) => Some(identity),
        Some(Err(error)) => return Err(UnmetPrecondition::invalid(error.to_string())),
    };
    let resources = resources::resources(agent)?;
    let limits = configuration.limits.clone();
    let inputs = container::Inputs {
        agent,
        settings,
        node: &node,
        chat_url: &chat_url,
        server: &server.node,
        ca_pem: &server.ca_pem,
        configuration,
        credential,
        identity,
        resources,
    };
    let (workload, target) = container::build(&inputs, delivery::delivery(&inputs)?);
    let (namespace, name) = key_of(agent);
    Ok(AgentRun {
        approval: identity.map(|identity| Approval {
            server: server.clone(),
            public_key: identity.public_key_pem(),
            note: key_note(&settings.swarm, &namespace, &name),
        }),
        target: Target {
            needs_approval: identity.is_some(),
            server_ready: server_unready.is_none(),
            ..target
        },
        workload,
        server_unready,
        limits,
    })
}
