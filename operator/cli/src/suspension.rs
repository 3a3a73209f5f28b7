//! Agents suspended by `down`, and resumed by `up`: exactly those that `down` has suspended.

use agentchat_api::Agent;
use agentchat_manifests::{Kind, Manifest};
use anyhow::Result;
use kube::{
    Api, Client, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};

use crate::control::{FIELD_MANAGER, api_error, list};

/// Annotation: who suspended an Agent.
const SUSPENDED_BY: &str = "agentchat.dev/suspended-by";
/// `agentctl down` did.
const DOWN: &str = "down";

/// Suspends every Agent that is not suspended yet.
pub async fn suspend(client: &Client) -> Result<()> {
    for agent in list::<Agent>(client).await? {
        if !agent.spec.suspend && agent.metadata.deletion_timestamp.is_none() {
            let patch = json!({"metadata": {"annotations": {SUSPENDED_BY: DOWN}}, "spec": {"suspend": true}});
            change(client, &agent, &patch).await?;
        }
    }
    Ok(())
}

/// Resumes those that `down` has suspended, unless the manifest itself suspends them; gives how many.
pub async fn resume(client: &Client, manifests: &[Manifest]) -> Result<usize> {
    let mut count = 0;
    for agent in list::<Agent>(client).await? {
        if agent.annotations().get(SUSPENDED_BY).map(String::as_str) != Some(DOWN) {
            continue;
        }
        let same = |m: &&Manifest| {
            (m.kind, m.name.as_str()) == (Kind::Agent, agent.name_any().as_str())
                && m.namespace == agent.namespace()
        };
        let manifest = manifests.iter().find(same);
        let suspend = manifest.and_then(|m| m.source.pointer("/spec/suspend").cloned());
        let suspend = suspend.unwrap_or(Value::Bool(false));
        let patch = json!({"metadata": {"annotations": {SUSPENDED_BY: null}}, "spec": {"suspend": suspend}});
        change(client, &agent, &patch).await?;
        count += 1;
    }
    Ok(count)
}

async fn change(client: &Client, agent: &Agent, patch: &Value) -> Result<()> {
    let (namespace, name) = (agent.namespace().unwrap_or_default(), agent.name_any());
    let api = Api::<Agent>::namespaced(client.clone(), &namespace);
    let params = PatchParams::apply(FIELD_MANAGER);
    match api.patch(&name, &params, &Patch::Merge(patch)).await {
        Ok(_) => Ok(()),
        // Deleted meanwhile: nothing to change any more.
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        Err(error) => Err(api_error(error, &format!("Agent {name} can't be changed"))),
    }
}
