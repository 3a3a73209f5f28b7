//! Namespaces: objects are made only in one that is there and stays; a deleted one is emptied
//! before it goes.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Api;
use crate::{
    admission,
    failure::Failure,
    meta,
    query::FieldValidation,
    store::{Key, State, Write},
    target::Target,
};

/// Namespaces made at start, which can't be deleted.
pub const SYSTEM: [&str; 3] = ["default", "kube-system", "agentchat-system"];

const RESOURCE: &str = "namespaces";

fn key(name: &str) -> Key {
    Key {
        resource: RESOURCE.into(),
        namespace: String::new(),
        name: name.into(),
    }
}

/// Makes sure that objects may be made where the target is.
pub fn check(state: &State, target: &Target) -> Result<(), Failure> {
    let Some(name) = &target.namespace else {
        return Ok(());
    };
    let namespace = state
        .get(&key(name))
        .ok_or_else(|| Failure::not_found("", RESOURCE, name))?;
    if meta::deleting(namespace) {
        let why = format!(
            "unable to create new content in namespace {name} because it is being terminated"
        );
        let resource = &target.resource;
        let failure = Failure::forbidden(&resource.group, &resource.plural, "", &why);
        let cause = format!("namespace {name} is being terminated");
        return Err(failure.because("NamespaceTerminating", &cause));
    }
    Ok(())
}

/// Whether an object still has finalizers, in its spec too where the type has them there.
pub fn held(target: &Target, object: &Value) -> bool {
    let spec = object["spec"]["finalizers"].as_array();
    let more = spec.is_some_and(|list| !list.is_empty());
    target.resource.finalize && more || !meta::finalizers(object).is_empty()
}

/// Notes on a Namespace that it is being deleted.
pub fn terminating(target: &Target, object: &mut Value) -> Result<(), Failure> {
    if target.resource.stored_as() == RESOURCE {
        let name = meta::text(object, "name");
        if SYSTEM.contains(&name) {
            let why = "this namespace may not be deleted";
            return Err(Failure::forbidden("", RESOURCE, name, why));
        }
        object["status"]["phase"] = "Terminating".into();
    }
    Ok(())
}

/// Makes the system namespaces that aren't there.
pub async fn ensure(api: &Api) -> Result<(), Failure> {
    for name in SYSTEM {
        let path = format!("/api/v1/namespaces/{name}");
        let target = Target::parse(&api.registry, &path).ok_or_else(Failure::no_such_path)?;
        let uid = uuid::Uuid::new_v4().to_string();
        let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        api.store
            .transact(move |state| {
                if let Some(there) = state.get(&key(name)) {
                    return Ok((Write::Keep(there.clone()), ()));
                }
                let validation = FieldValidation::Strict;
                let made = admission::create(&target, body, validation, Timestamp::now(), &uid)?;
                Ok((Write::Put(key(name), made.object), ()))
            })
            .await?;
    }
    Ok(())
}

/// Empties and removes deleted namespaces, until the shutdown.
pub async fn collect(api: Arc<Api>) {
    let mut newest = api.store.subscribe();
    loop {
        newest.mark_unchanged();
        for name in deleted(&api) {
            if let Err(failure) = empty(&api, &name).await {
                tracing::warn!(namespace = name, message = failure.message(), "emptying");
            }
        }
        tokio::select! {
            changed = newest.changed() => if changed.is_err() { return },
            () = api.shutdown.cancelled() => return,
        }
    }
}

fn deleted(api: &Api) -> Vec<String> {
    api.store.read(|state| {
        state
            .list(RESOURCE, None)
            .filter(|(_, object)| meta::deleting(object))
            .map(|(key, _)| key.name.clone())
            .collect()
    })
}

/// Deletes what is in a namespace; removes the namespace when nothing is left.
async fn empty(api: &Api, name: &str) -> Result<(), Failure> {
    for resource in api.registry.all().iter().filter(|r| r.namespaced) {
        let stored = resource.stored_as();
        let there: Vec<Key> = api.store.read(|state| {
            state
                .list(&stored, Some(name))
                .filter(|(_, object)| !meta::deleting(object))
                .map(|(key, _)| key.clone())
                .collect()
        });
        for key in there {
            let target = Target {
                resource: resource.clone(),
                namespace: Some(name.to_owned()),
                name: Some(key.name.clone()),
                subresource: None,
                watch: false,
            };
            let options = super::delete::Options::default();
            match super::delete::run(api, target, key.name, options).await {
                Err(failure) if failure.code != 404 => return Err(failure),
                _ => {}
            }
        }
    }
    let stored: Vec<String> = api.registry.all().iter().map(|r| r.stored_as()).collect();
    let name = name.to_owned();
    api.store
        .transact(move |state| {
            let Some(namespace) = state.get(&key(&name)) else {
                return Err(Failure::not_found("", RESOURCE, &name));
            };
            let left = stored
                .iter()
                .any(|resource| state.list(resource, Some(&name)).next().is_some());
            let mut object = (**namespace).clone();
            if let Some(spec) = object["spec"].as_object_mut() {
                spec.remove("finalizers");
            }
            let write = if left || object == **namespace && !meta::finalizers(&object).is_empty() {
                Write::Keep(namespace.clone())
            } else if meta::finalizers(&object).is_empty() {
                Write::Remove(key(&name), object)
            } else {
                Write::Put(key(&name), object)
            };
            Ok((write, ()))
        })
        .await?;
    Ok(())
}
