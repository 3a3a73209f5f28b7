//! The Node loop: probe the engine, make the chat server's keys, probe the server, keep its channels.

mod pki;

use std::{sync::Arc, time::Duration};

use agentchat_api::{
    Endpoint, EndpointScope, FINALIZER, Node, NodeInfo, NodePhase, NodeRole, NodeStatus, condition,
    network_name,
};
use agentchat_driver::{ContainerPhase, labels};
use k8s_openapi::jiff::Timestamp;
use kube::{
    Api, ResourceExt,
    api::{ListParams, Patch, PatchParams},
    runtime::{
        controller::Action,
        finalizer::{Event, finalizer},
    },
};
use serde_json::json;

use crate::{
    chat::ServerAccess,
    context::Context,
    error::{Error, chain},
    merge,
};

/// How often a Node is probed.
const PROBE: Duration = Duration::from_secs(10);
/// How soon a Node that is not ready is probed again.
const PROBE_SOON: Duration = Duration::from_millis(500);
/// How soon a Node that still runs agents is looked at again while it is being deleted.
const DRAIN: Duration = Duration::from_secs(1);

/// Brings one Node closer to what its manifest says.
#[tracing::instrument(name = "node", skip_all, fields(name = node.name_any()))]
pub async fn reconcile(node: Arc<Node>, context: Arc<Context>) -> Result<Action, Error> {
    let api = Api::<Node>::all(context.client.clone());
    let outcome = finalizer(&api, FINALIZER, node, |event| async {
        match event {
            Event::Apply(node) => apply(&node, &context).await,
            Event::Cleanup(node) => cleanup(&node, &context).await,
        }
    });
    Ok(outcome.await?)
}

async fn apply(node: &Node, context: &Context) -> Result<Action, Error> {
    let mut next = node.status.clone().unwrap_or_default();
    next.observed_generation = node.metadata.generation;
    let problem = match node.spec.machine.local {
        None => Some((
            "MachineUnsupported",
            "spec.machine: only `local: {}` is supported by this release".to_owned(),
        )),
        Some(_) => probe_engine(node, context, &mut next).await,
    };
    let problem = match (node.spec.role, problem) {
        (NodeRole::Server, None) => serve(node, context, &mut next).await?,
        (_, problem) => problem,
    };
    next.phase = Some(if problem.is_none() {
        NodePhase::Ready
    } else {
        NodePhase::NotReady
    });
    let (reason, message) = problem.clone().unwrap_or(("Ready", String::new()));
    set(
        node,
        &mut next,
        ("Ready", Some(problem.is_none())),
        (reason, &message),
    );
    write(node, context, &next).await?;
    Ok(Action::requeue(if problem.is_none() {
        PROBE
    } else {
        PROBE_SOON
    }))
}

type Problem = Option<(&'static str, String)>;

/// Asks the engine who it is and what it runs for this Node.
async fn probe_engine(node: &Node, context: &Context, next: &mut NodeStatus) -> Problem {
    let answer = match context.engine.info().await {
        Ok(info) => context.engine.list().await.map(|all| (info, all)),
        Err(error) => Err(error),
    };
    match answer {
        Ok((info, all)) => {
            let here = |c: &&agentchat_driver::Container| {
                c.phase == ContainerPhase::Running
                    && c.labels.get(labels::NODE) == Some(&node.name_any())
            };
            next.agents = u32::try_from(all.iter().filter(here).count()).ok();
            next.node_info = Some(NodeInfo {
                podman_version: info.version,
                api_version: info.api_version,
                kernel: info.kernel,
                architecture: info.architecture,
                os: info.os,
            });
            set(
                node,
                next,
                ("PodmanReachable", Some(true)),
                ("Reachable", ""),
            );
            None
        }
        Err(error) => {
            let message = chain(&error);
            set(
                node,
                next,
                ("PodmanReachable", Some(false)),
                ("Unreachable", &message),
            );
            Some(("Unreachable", message))
        }
    }
}

/// Makes the chat server's keys, publishes how to reach it, and keeps its channels.
async fn serve(node: &Node, context: &Context, next: &mut NodeStatus) -> Result<Problem, Error> {
    let server = node.spec.server.clone().unwrap_or_default();
    let port = server.port;
    next.ca_bundle = Some(pki::ensure(&context.client, &node.name_any(), &server.advertise).await?);
    let url = |host: &str| format!("wss://{host}:{port}");
    next.endpoints = vec![
        Endpoint {
            scope: EndpointScope::SameEngine,
            url: url("host.containers.internal"),
        },
        Endpoint {
            scope: EndpointScope::Host,
            url: url("127.0.0.1"),
        },
    ];
    let probed = Node {
        status: Some(next.clone()),
        ..node.clone()
    };
    let Some(access) = ServerAccess::read(&context.client, &probed).await? else {
        return Ok(Some((
            "KeysMissing",
            "the chat server's Secrets are not there yet".into(),
        )));
    };
    match context.chat.keep_channels(&access, &server.channels).await {
        Ok(()) => {
            set(node, next, ("ServerReady", Some(true)), ("Answering", ""));
            Ok(None)
        }
        Err(error) => {
            let message = chain(&error);
            set(
                node,
                next,
                ("ServerReady", Some(false)),
                ("NotAnswering", &message),
            );
            Ok(Some(("ServerNotReady", message)))
        }
    }
}

/// Waits until the Node runs nothing, then removes what belongs to it.
async fn cleanup(node: &Node, context: &Context) -> Result<Action, Error> {
    let name = node.name_any();
    let here = |c: &agentchat_driver::Container| c.labels.get(labels::NODE) == Some(&name);
    let left = context
        .engine
        .list()
        .await?
        .iter()
        .filter(|c| here(c))
        .count();
    let mut next = node.status.clone().unwrap_or_default();
    next.phase = Some(NodePhase::Deleting);
    if left > 0 {
        let message = format!("{left} agent(s) still run here; delete or move them");
        set(
            node,
            &mut next,
            ("Ready", Some(false)),
            ("Draining", &message),
        );
        write(node, context, &next).await?;
        return Ok(Action::requeue(DRAIN));
    }
    write(node, context, &next).await?;
    if node.spec.role == NodeRole::Server {
        context.chat.forget(&name).await;
        pki::remove(&context.client, &name).await?;
    }
    let others = Api::<Node>::all(context.client.clone())
        .list(&ListParams::default())
        .await?
        .items;
    if others.iter().all(|other| other.name_any() == name) {
        context
            .engine
            .remove_network(&network_name(&context.settings.swarm))
            .await?;
    }
    Ok(Action::await_change())
}

fn set(node: &Node, next: &mut NodeStatus, what: (&str, Option<bool>), why: (&str, &str)) {
    condition(
        &mut next.conditions,
        what,
        why,
        (node.metadata.generation, Timestamp::now()),
    );
}

/// Writes the status, if it differs from what is stored.
async fn write(node: &Node, context: &Context, next: &NodeStatus) -> Result<(), Error> {
    let old = serde_json::to_value(node.status.clone().unwrap_or_default())?;
    let Some(change) = merge::diff(&old, &serde_json::to_value(next)?) else {
        return Ok(());
    };
    let patch = Patch::Merge(json!({ "status": change }));
    let api = Api::<Node>::all(context.client.clone());
    api.patch_status(&node.name_any(), &PatchParams::default(), &patch)
        .await?;
    Ok(())
}
