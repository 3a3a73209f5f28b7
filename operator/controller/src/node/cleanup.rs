//! The end of a Node: it waits until nobody uses it, then what belongs to it is removed.

use agentchat_api::{Agent, Node, NodePhase, NodeRole, network_name};
use agentchat_driver::Listed;
use kube::{Api, ResourceExt, api::ListParams, runtime::controller::Action};

use super::{engine::is_on, pki, status};
use crate::{
    agent,
    context::Context,
    error::{Error, chain},
};

/// Removes what belongs to the Node. While somebody uses it that is an error: on success its finalizer goes.
pub async fn cleanup(node: &Node, context: &Context) -> Result<Action, Error> {
    let stored = status::stored(node, context).await?;
    let mut next = stored.clone();
    next.phase = Some(NodePhase::Deleting);
    let ended = end(node, context).await;
    let (reason, message) = match &ended {
        Ok(()) => ("Deleting", String::new()),
        Err(Error::InUse(users)) => ("Draining", users.clone()),
        Err(error) => ("DeletionFailed", chain(error)),
    };
    let what = ("Ready", Some(false));
    status::set(node, &mut next, what, (reason, &message));
    status::write(node, context, &stored, &next).await?;
    ended?;
    Ok(Action::await_change())
}

async fn end(node: &Node, context: &Context) -> Result<(), Error> {
    let all = context.engine.list().await?;
    let here = all.iter().filter(|c: &&Listed| is_on(c, node)).count();
    if here > 0 {
        let message = format!(
            "{here} container(s) of agents are still here; delete the agents, or move them with \
             spec.placement.nodeName"
        );
        return Err(Error::InUse(message));
    }
    let nodes = Api::<Node>::all(context.client.clone())
        .list(&ListParams::default())
        .await?
        .items;
    if node.spec.role == NodeRole::Server {
        let users = talkers(node, &nodes, context).await?;
        if users > 0 {
            let message = format!(
                "{users} agent(s) talk through its chat server; delete them, or name another server in \
                 spec.chat.serverRef"
            );
            return Err(Error::InUse(message));
        }
        context.chat.forget(&node.name_any());
        pki::remove(&context.client, &node.name_any()).await?;
    }
    // Of Nodes that go together each takes the other for the last one: to remove it twice does no harm.
    let stays = |other: &Node| {
        other.name_any() != node.name_any() && other.metadata.deletion_timestamp.is_none()
    };
    if all.is_empty() && !nodes.iter().any(stays) {
        let network = network_name(&context.settings.swarm);
        context.engine.remove_network(&network).await?;
    }
    Ok(())
}

/// How many agents talk through a Node of role Server.
async fn talkers(node: &Node, nodes: &[Node], context: &Context) -> Result<usize, Error> {
    let agents = Api::<Agent>::all(context.client.clone())
        .list(&ListParams::default())
        .await?
        .items;
    let through = |a: &&Agent| {
        let server = agent::server(a, nodes);
        server.is_ok_and(|server| server.name_any() == node.name_any())
    };
    Ok(agents.iter().filter(through).count())
}
