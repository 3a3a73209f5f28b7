//! Removal of everything that a swarm has on its engine.

use std::{fmt::Debug, time::Duration};

use agentchat_api::{Agent, Node};
use anyhow::{Result, bail};
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{DeleteParams, ListParams},
};
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use crate::{
    check::Engine,
    control::told,
    output::Progress,
    state::Remembered,
    wait::{Look, Patience},
};

/// How long the removal of all Agents, or of all Nodes, may take; they rest already.
const REMOVAL: Duration = Duration::from_secs(120);

/// Deletes Agents, then Nodes, and checks that the engine has nothing of the swarm any more.
pub async fn purge(
    client: &Client,
    progress: &Progress,
    remembered: &Remembered,
    interrupt: &CancellationToken,
) -> Result<()> {
    let namespaces = Api::<Namespace>::all(client.clone());
    let system = namespaces.get("kube-system").await;
    let system = system.map_err(|error| told(error, "the swarm's id is not to be had"))?;
    delete_all::<Agent>(client, progress, interrupt, "Agent", |agent| {
        Api::namespaced(client.clone(), &agent.namespace().unwrap_or_default())
    })
    .await?;
    delete_all::<Node>(client, progress, interrupt, "Node", |_| {
        Api::all(client.clone())
    })
    .await?;
    let left = Engine::at(&remembered.socket)
        .left(&system.uid().unwrap_or_default())
        .await?;
    if !left.is_empty() {
        bail!(
            "the engine still has {}; remove them with podman, then call `down --purge` again",
            left.join(", ")
        );
    }
    Ok(())
}

async fn delete_all<K>(
    client: &Client,
    progress: &Progress,
    interrupt: &CancellationToken,
    kind: &str,
    home: impl Fn(&K) -> Api<K>,
) -> Result<()>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let all = Api::<K>::all(client.clone());
    let list = async || {
        let listed = all.list(&ListParams::default()).await;
        listed
            .map(|list| list.items)
            .map_err(|e| told(e, &format!("the {kind}s are not to be had")))
    };
    let there = list().await?;
    for one in &there {
        let name = one.name_any();
        match home(one).delete(&name, &DeleteParams::default()).await {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            Err(error) => return Err(told(error, &format!("{kind} {name} could not be deleted"))),
        }
    }
    let patience = Patience::new(REMOVAL, interrupt);
    patience
        .until(&format!("Removal of {kind}s"), async || {
            let names: Vec<_> = list().await?.iter().map(|one| one.name_any()).collect();
            Ok(if names.is_empty() {
                Look::Done(())
            } else {
                Look::NotYet(names.join(", "))
            })
        })
        .await?;
    if !there.is_empty() {
        progress.step(format_args!("{} {kind}(s) removed", there.len()));
    }
    Ok(())
}
