//! The chat server of a Node: its keys, where it is, its channels.

use agentchat_api::{Endpoint, EndpointScope, Node, NodeStatus};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;

use super::{Problem, pki, status};
use crate::{
    chat::ServerAccess,
    context::Context,
    error::{Error, chain},
};

/// Makes the chat server's keys, publishes how to reach it, and keeps its channels.
pub async fn serve(
    node: &Node,
    context: &Context,
    next: &mut NodeStatus,
) -> Result<Option<Problem>, Error> {
    let server = node.spec.server.clone().unwrap_or_default();
    let (client, name) = (&context.client, node.name_any());
    let ca = pki::ensure(client, &name, &server.advertise, Timestamp::now()).await?;
    next.ca_bundle = Some(ca);
    let endpoint = |scope, host: &str| Endpoint {
        scope,
        url: format!("wss://{host}:{}", server.port),
    };
    next.endpoints = vec![
        endpoint(EndpointScope::SameEngine, "host.containers.internal"),
        endpoint(EndpointScope::Host, "127.0.0.1"),
    ];
    let published = Node {
        status: Some(next.clone()),
        ..node.clone()
    };
    let kept = match ServerAccess::read(client, &published).await? {
        Some(access) => context.chat.keep_channels(&access, &server.channels).await,
        None => Err(Error::Invalid(
            "the admin key's Secret has no key `key`; delete it to have a new one made".into(),
        )),
    };
    let what = "ServerReady";
    match kept {
        Ok(()) => {
            status::set(node, next, (what, Some(true)), ("Answering", ""));
            Ok(None)
        }
        Err(error) => {
            let message = chain(&error);
            status::set(node, next, (what, Some(false)), ("NotAnswering", &message));
            Ok(Some(("ServerNotReady", message)))
        }
    }
}
