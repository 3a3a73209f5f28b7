//! Kubernetes Events: what a person sees at the end of `kubectl describe`.

use agentchat_api::Reason;
use k8s_openapi::{
    api::core::v1::{Event, EventSource},
    apimachinery::pkg::apis::meta::v1::Time,
    jiff::Timestamp,
};
use kube::{
    Api, Client, Resource,
    api::{ObjectMeta, Patch, PatchParams, PostParams},
};
use serde_json::json;
use tracing::debug;

use crate::error::{already_exists, chain};

/// Who reports.
const COMPONENT: &str = "agentchat-operator";

/// Publishes a warning about an object. One Event a reason and object: the same again only renews it. An API that
/// does not take it is no failure of the reconcile.
pub async fn warn<K>(client: &Client, object: &K, reason: Reason, message: &str)
where
    K: Resource<DynamicType = ()>,
{
    let about = object.object_ref(&());
    let namespace = about.namespace.clone().unwrap_or_else(|| "default".into());
    let kind = K::kind(&()).to_lowercase();
    let (name, uid) = (about.name.clone(), about.uid.clone());
    let name = format!(
        "{kind}.{}.{}.{}",
        name.unwrap_or_default(),
        reason.as_str().to_lowercase(),
        uid.as_deref()
            .unwrap_or_default()
            .chars()
            .take(8)
            .collect::<String>(),
    );
    let now = Some(Time(Timestamp::now()));
    let event = Event {
        metadata: ObjectMeta {
            name: Some(name.clone()),
            namespace: Some(namespace.clone()),
            ..ObjectMeta::default()
        },
        involved_object: about,
        type_: Some("Warning".into()),
        reason: Some(reason.to_string()),
        message: Some(message.to_owned()),
        source: Some(EventSource {
            component: Some(COMPONENT.into()),
            ..EventSource::default()
        }),
        first_timestamp: now.clone(),
        last_timestamp: now,
        count: Some(1),
        ..Event::default()
    };
    let api = Api::<Event>::namespaced(client.clone(), &namespace);
    let published = match api.create(&PostParams::default(), &event).await {
        Err(error) if already_exists(&error) => {
            let renewed = json!({"message": message, "lastTimestamp": event.last_timestamp});
            let patch = Patch::Merge(renewed);
            api.patch(&name, &PatchParams::default(), &patch).await
        }
        other => other,
    };
    if let Err(error) = published {
        debug!(error = %chain(&error), "the event could not be published");
    }
}
