//! Brings objects of the API to what manifests say, as `kubectl apply` does on the client's side: what was
//! applied last, what is wanted and what is there are compared, and only the difference is sent.
//!
//! What the file says is kept in kubectl's own annotation, so that `kubectl apply` of the same file goes on
//! from there; what the swarm changed in it is kept in another.

mod patch;

use anyhow::Result;
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{DynamicObject, Patch, PatchParams},
};
use serde_json::{Value, json};

use crate::{control::told, manifest::Manifest};

pub use patch::{merge, three_way};

/// kubectl's annotation.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Ours, next to it.
const OVERLAY: &str = "agentchat.dev/overlay";
/// Who changes fields, for the API's books.
pub const FIELD_MANAGER: &str = "agentctl";

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

/// The objects of a manifest's kind, where it belongs.
pub fn api(client: &Client, manifest: &Manifest) -> Api<DynamicObject> {
    let resource = manifest.kind.resource();
    match &manifest.namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    }
}

/// Applies one manifest.
pub async fn apply(client: &Client, manifest: &Manifest) -> Result<Applied> {
    let refused = |error| told(error, &format!("{} was not accepted", manifest.title()));
    let wanted = annotated(manifest)?;
    let api = api(client, manifest);
    let Some(live) = api.get_opt(&manifest.name).await.map_err(refused)? else {
        create(client, manifest, &wanted).await.map_err(refused)?;
        return Ok(Applied::Created);
    };
    let live_value = serde_json::to_value(&live)?;
    let Some(change) = three_way(&original(&live), &wanted, &live_value) else {
        return Ok(Applied::Unchanged);
    };
    let params = PatchParams::apply(FIELD_MANAGER).validation_strict();
    let patch = Patch::Merge(&change);
    api.patch(&manifest.name, &params, &patch)
        .await
        .map_err(refused)?;
    Ok(Applied::Changed)
}

/// Creates an object; unknown fields are errors.
pub async fn create(client: &Client, manifest: &Manifest, value: &Value) -> kube::Result<Value> {
    let path = DynamicObject::url_path(&manifest.kind.resource(), manifest.namespace.as_deref());
    let uri = format!("{path}?fieldManager={FIELD_MANAGER}&fieldValidation=Strict");
    let body = serde_json::to_vec(value).map_err(kube::Error::SerdeError)?;
    let request = http::Request::post(uri)
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(body)
        .map_err(kube::Error::HttpError)?;
    client.request(request).await
}

/// The manifest as it is sent: with the overlay on it, and with what the next apply needs to know.
pub fn annotated(manifest: &Manifest) -> Result<Value> {
    let mut wanted = manifest.effective();
    let mut source = manifest.source.clone();
    if source.pointer("/metadata/annotations").is_none() {
        source["metadata"]["annotations"] = json!({});
    }
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
        let source = json!({"apiVersion": crate::manifest::OWN_API, "kind": "Agent",
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
