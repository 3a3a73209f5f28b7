//! Brings objects of the API to what manifests say, as `kubectl apply` does on the client's side: what was
//! applied last, what is wanted and what is there are compared, and only the difference is sent.
//!
//! What the file says is kept in kubectl's own annotation, so that `kubectl apply` of the same file goes on
//! from there; what the swarm changed in it is kept in another.

use kube::{
    Api, Client, Resource, ResourceExt,
    api::{DynamicObject, Patch, PatchParams},
};
use serde_json::{Value, json};

use crate::{
    manifest::Manifest,
    patch::{merge, three_way},
};

/// kubectl's annotation.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Ours, next to it.
const OVERLAY: &str = "agentchat.dev/overlay";

/// What became of a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It was new.
    Created,
    /// It was changed.
    Changed,
    /// It was as wanted.
    Unchanged,
}

/// Why a manifest was not applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The API refuses it, or can't be reached.
    #[error("{title} was not accepted")]
    Refused {
        /// The object.
        title: String,
        /// What the API says.
        source: kube::Error,
    },
    /// It can't be written as JSON.
    #[error("{title} can't be written as JSON")]
    Json {
        /// The object.
        title: String,
        /// Why.
        source: serde_json::Error,
    },
}

/// The objects of a manifest's kind, where it belongs.
pub fn api(client: &Client, manifest: &Manifest) -> Api<DynamicObject> {
    let resource = manifest.kind.resource();
    match &manifest.namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    }
}

/// Applies one manifest. `manager` is who changes fields, for the API's books.
///
/// # Errors
/// When the API refuses it or can't be reached; fields that there are not are refused too.
pub async fn apply(
    client: &Client,
    manifest: &Manifest,
    manager: &str,
) -> Result<Applied, ApplyError> {
    let refused = |error| refused(manifest, error);
    let api = api(client, manifest);
    let Some(live) = api.get_opt(&manifest.name).await.map_err(refused)? else {
        create(client, manifest, manager).await?;
        return Ok(Applied::Created);
    };
    let json = |error| unwritable(manifest, error);
    let wanted = annotated(manifest).map_err(json)?;
    let live_value = serde_json::to_value(&live).map_err(json)?;
    let Some(change) = three_way(&original(&live), &wanted, &live_value) else {
        return Ok(Applied::Unchanged);
    };
    let params = PatchParams::apply(manager).validation_strict();
    let patch = Patch::Merge(&change);
    api.patch(&manifest.name, &params, &patch)
        .await
        .map_err(refused)?;
    Ok(Applied::Changed)
}

/// Creates the object of a manifest, so that [`apply`] goes on from there; gives what was made.
///
/// # Errors
/// When there is such an object already, when the API refuses it, and when it can't be reached.
pub async fn create(
    client: &Client,
    manifest: &Manifest,
    manager: &str,
) -> Result<Value, ApplyError> {
    let wanted = annotated(manifest).and_then(|wanted| serde_json::to_vec(&wanted));
    let body = wanted.map_err(|error| unwritable(manifest, error))?;
    let path = DynamicObject::url_path(&manifest.kind.resource(), manifest.namespace.as_deref());
    let uri = format!("{path}?fieldManager={manager}&fieldValidation=Strict");
    let request = http::Request::post(uri)
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(body)
        .map_err(|error| refused(manifest, kube::Error::HttpError(error)))?;
    let made = client.request(request).await;
    made.map_err(|error| refused(manifest, error))
}

fn refused(manifest: &Manifest, source: kube::Error) -> ApplyError {
    let title = manifest.title();
    ApplyError::Refused { title, source }
}

fn unwritable(manifest: &Manifest, source: serde_json::Error) -> ApplyError {
    let title = manifest.title();
    ApplyError::Json { title, source }
}

/// The manifest as it is sent: with the overlay on it, and with what the next apply needs to know.
fn annotated(manifest: &Manifest) -> serde_json::Result<Value> {
    let mut wanted = manifest.effective();
    let mut source = manifest.source.clone();
    if source.pointer("/metadata/annotations").is_none() {
        source["metadata"]["annotations"] = json!({});
    }
    // As kubectl writes it, so that each takes the other's text for its own.
    source.sort_all_objects();
    let overlay = match &manifest.overlay {
        Value::Null => Value::Null,
        patch => serde_json::to_string(patch)?.into(),
    };
    let annotations =
        json!({LAST_APPLIED: format!("{}\n", serde_json::to_string(&source)?), OVERLAY: overlay});
    merge(
        &mut wanted,
        &json!({"metadata": {"annotations": annotations}}),
    );
    Ok(wanted)
}

/// What was sent last, from the annotations; null when there are none.
fn original(live: &DynamicObject) -> Value {
    let read = |name| {
        let text = live.annotations().get(name)?;
        serde_json::from_str(text).ok()
    };
    let mut value = read(LAST_APPLIED).unwrap_or(Value::Null);
    if value.is_object() {
        merge(
            &mut value,
            &json!({"metadata": {"annotations": {OVERLAY: ""}}}),
        );
        merge(&mut value, &read(OVERLAY).unwrap_or(Value::Null));
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(runtime: &Value, overlay: Value) -> Manifest {
        let source = json!({"apiVersion": crate::kind::OWN_API, "kind": "Agent",
            "metadata": {"name": "ada"}, "spec": {"mission": "x", "runtime": runtime}});
        Manifest {
            overlay,
            ..Manifest::read(source).unwrap()
        }
    }

    #[test]
    fn an_overlay_goes_when_it_is_not_laid_any_more() {
        let with = json!({"spec": {"runtime": {"baseUrl": "http://m"}}});
        let scripted = agent(&json!({"model": "a"}), with);
        let live_value = annotated(&scripted).unwrap();
        assert_eq!(live_value["spec"]["runtime"]["baseUrl"], "http://m");
        let live: DynamicObject = serde_json::from_value(live_value.clone()).unwrap();
        assert_eq!(three_way(&original(&live), &live_value, &live_value), None);

        let real = annotated(&agent(&json!({"model": "b"}), Value::Null)).unwrap();
        let change = three_way(&original(&live), &real, &live_value).unwrap();
        assert_eq!(
            change["spec"],
            json!({"runtime": {"model": "b", "baseUrl": null}})
        );
        assert_eq!(change["metadata"]["annotations"][OVERLAY], Value::Null);
        assert_eq!(
            change["metadata"]["annotations"].as_object().unwrap().len(),
            2
        );
    }
}
