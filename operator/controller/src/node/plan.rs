//! What is to be done on a Node: for each thing that it runs for itself what the plan of its container says, and for
//! its chat server which channels and keys are missing or too many. Pure.

use agentchat_plan::{Desired, Plan, Verdict, plan as plan_container};

use crate::error::chain;

use super::{
    allowlist,
    observe::ObservedNode,
    validate::{Service, ValidatedNode},
};

/// What is to be done.
pub struct NodePlan {
    /// For each service, in the order of [`ValidatedNode::services`].
    pub services: Vec<Plan>,
    /// For the chat server.
    pub chat: ChatPlan,
    /// What keeps a Node from being deleted.
    pub in_use: Option<String>,
    /// Whether it is removed for good: everything of it is gone then.
    pub teardown: Option<Teardown>,
}

/// What is to be done on the chat server.
#[derive(Debug, Default)]
pub struct ChatPlan {
    /// Channels to make.
    pub create: Vec<String>,
    /// Keys to approve and to revoke.
    pub keys: allowlist::Changes,
}

/// What goes with a Node.
#[derive(Debug, PartialEq, Eq)]
pub struct Teardown {
    /// Whether its engine is left alone: it does not answer, and is given up.
    pub abandon_engine: bool,
    /// The swarm's network, when this was the last Node.
    pub network: Option<String>,
}

/// Compares; `now` in Unix seconds.
pub fn plan(node: &ValidatedNode, observed: &ObservedNode, now: i64) -> NodePlan {
    let in_use = node.deleting.then(|| in_use(node, observed)).flatten();
    let idle = || Plan {
        actions: vec![],
        verdict: Verdict::Stopped,
        unmet: None,
    };
    let pairs = node.services.iter().zip(&observed.services);
    let services = pairs.map(|(service, seen)| {
        // While somebody uses it, what runs goes on as it is.
        if in_use.is_some() {
            return idle();
        }
        plan_container(
            &desired(service, node, seen.found.is_empty()),
            &seen.for_plan,
            now,
        )
    });
    let services = services.collect();
    let engine_answers = observed.engine.is_ok();
    let teardown = (node.deleting && in_use.is_none()).then(|| Teardown {
        abandon_engine: !engine_answers,
        network: node
            .last_network
            .clone()
            .filter(|_| engine_answers && observed.engine_is_empty),
    });
    NodePlan {
        services,
        chat: chat(node, observed),
        in_use,
        teardown,
    }
}

/// What is not wanted is removed, with its volume only when the Node goes.
fn desired(service: &Service, node: &ValidatedNode, absent: bool) -> Desired {
    match &service.wanted {
        Some((_, target)) => Desired::Run(target.clone()),
        None if node.deleting => Desired::Absent,
        // Its keys could not be read: what runs goes on.
        None if node.problem.is_some() => Desired::Hold,
        None if absent => Desired::Hold,
        None if service.has_data => Desired::Suspended,
        None => Desired::Absent,
    }
}

/// What keeps a Node from being deleted.
fn in_use(node: &ValidatedNode, observed: &ObservedNode) -> Option<String> {
    let here = match (&observed.agents, node.given_up) {
        (Some(count), _) => count.all,
        (None, true) => 0,
        (None, false) => {
            let why = observed.engine.as_ref().err();
            let why = why.map_or("", |problem| problem.message.as_str());
            return Some(format!(
                "its engine does not answer, so what is on it can't be removed ({why}); if it is gone for good, \
                 annotate the Node with agentchat.dev/abandon=true: what is on it is given up then"
            ));
        }
    };
    if here > 0 {
        return Some(format!(
            "{here} container(s) of agents are still here; delete the agents, or move them with \
             spec.placement.nodeName"
        ));
    }
    let talkers = observed.talkers.len();
    if talkers > 0 {
        return Some(format!(
            "{talkers} agent(s) talk through its chat server; delete them, or name another server in \
             spec.chat.serverRef"
        ));
    }
    let external = node.chat.as_ref().is_some_and(|chat| chat.external);
    match &observed.chat {
        Some(Err(error)) if external && !node.given_up => Some(format!(
            "its chat server does not answer, so the keys that were approved there can't be withdrawn ({}); if it \
             is gone for good, annotate the Node with agentchat.dev/abandon=true",
            chain(error)
        )),
        _ => None,
    }
}

fn chat(node: &ValidatedNode, observed: &ObservedNode) -> ChatPlan {
    let (Some(chat), Some(Ok(contents))) = (&node.chat, &observed.chat) else {
        return ChatPlan::default();
    };
    let missing = |channel: &&String| !contents.channels.contains(channel);
    ChatPlan {
        create: chat.channels.iter().filter(missing).cloned().collect(),
        keys: allowlist::changes(&contents.allowed, &observed.talkers, &node.swarm),
    }
}
