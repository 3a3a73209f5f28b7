//! Statuses of Agents and Nodes, written when they have changed.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{
    Api,
    api::{ObjectMeta, Patch, PatchParams},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{error::Error, merge};

/// Writes what has changed of a status; gives the object as it is stored since then. `None` when nothing had
/// changed, and when the object can't be read any more.
pub async fn write<K, S>(
    api: &Api<K>,
    (name, uid): (&str, &str),
    old: &S,
    next: &S,
) -> Result<Option<K>, Error>
where
    K: Clone + std::fmt::Debug + DeserializeOwned,
    S: Serialize,
{
    let old = serde_json::to_value(old)?;
    match merge::diff(&old, &serde_json::to_value(next)?) {
        Some(change) => Ok(patch(api, (name, Some(uid)), change).await?),
        None => Ok(None),
    }
}

/// Replaces the conditions of an object, whatever its status says else; gives the object as it is stored since then,
/// if it can be read.
pub async fn write_conditions<K>(
    api: &Api<K>,
    metadata: &ObjectMeta,
    conditions: &[Condition],
) -> Result<Option<K>, kube::Error>
where
    K: Clone + std::fmt::Debug + DeserializeOwned,
{
    let name = metadata.name.as_deref().unwrap_or_default();
    let status = json!({ "conditions": conditions });
    patch(api, (name, metadata.uid.as_deref()), status).await
}

/// The UID keeps it from another object that has got the name meanwhile.
async fn patch<K>(
    api: &Api<K>,
    (name, uid): (&str, Option<&str>),
    status: Value,
) -> Result<Option<K>, kube::Error>
where
    K: Clone + std::fmt::Debug + DeserializeOwned,
{
    let patch = Patch::Merge(json!({ "metadata": { "uid": uid }, "status": status }));
    match api
        .patch_status(name, &PatchParams::default(), &patch)
        .await
    {
        Ok(object) => Ok(Some(object)),
        // It was written; the answer holds the whole object, and something else of it can't be read.
        Err(kube::Error::SerdeError(_)) => Ok(None),
        Err(error) => Err(error),
    }
}
