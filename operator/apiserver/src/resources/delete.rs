//! Delete: one object, or the selected ones of a collection.

use std::sync::Arc;

use axum::{http::StatusCode, response::Response};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Api, Call, namespace};
use crate::{
    body,
    failure::Failure,
    meta, query,
    selector::Selector,
    store::{State, Write},
    target::Target,
};

/// `DeleteOptions`, as far as they matter: there is no garbage collector and no grace yet.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    preconditions: Option<Preconditions>,
    dry_run: Option<Vec<String>>,
    propagation_policy: Option<String>,
    orphan_dependents: Option<bool>,
    #[serde(skip)]
    dry: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Preconditions {
    uid: Option<String>,
    resource_version: Option<String>,
}

fn options(call: &Call, bytes: &[u8]) -> Result<Options, Failure> {
    let mut options = Options::default();
    if !bytes.iter().all(u8::is_ascii_whitespace) {
        let value = body::object(&body::media_type(&call.headers), bytes)?;
        options = serde_json::from_value(value)
            .map_err(|error| Failure::bad_request(format!("DeleteOptions: {error}")))?;
    }
    options.dry = call.query.dry_run;
    for directive in options.dry_run.iter().flatten() {
        options.dry |= query::dry_run(directive)?;
    }
    let policy = options
        .propagation_policy
        .clone()
        .or_else(|| call.query.propagation_policy.clone());
    match policy.as_deref() {
        None | Some("Background" | "Foreground" | "Orphan") => {}
        Some(other) => {
            return Err(Failure::unprocessable(format!(
                "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Unsupported value: {other:?}: supported values: \"Background\", \"Foreground\", \"Orphan\""
            )));
        }
    }
    if policy.is_some() && options.orphan_dependents.is_some() {
        return Err(Failure::unprocessable(
            "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: orphanDependents and propagationPolicy cannot be both set",
        ));
    }
    Ok(options)
}

/// DELETE of an object.
pub async fn one(api: &Api, call: Call, name: String, bytes: &[u8]) -> Result<Response, Failure> {
    let options = options(&call, bytes)?;
    let target = call.target.clone();
    let (object, gone) = run(api, target, name.clone(), options).await?;
    if !gone {
        return call.renderer().object(StatusCode::OK, &object);
    }
    let resource = &call.target.resource;
    let mut details = json!({
        "name": name, "kind": resource.plural, "uid": object["metadata"]["uid"],
    });
    if !resource.group.is_empty() {
        details["group"] = resource.group.clone().into();
    }
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
        "details": details,
    });
    call.renderer().respond(StatusCode::OK, &status)
}

/// DELETE of a collection; answers the list of what was deleted.
pub async fn many(api: &Api, call: Call, bytes: &[u8]) -> Result<Response, Failure> {
    let options = options(&call, bytes)?;
    let resource = call.target.resource.clone();
    let query = &call.query;
    let selector = Selector::parse(&resource, &query.label_selector, &query.field_selector)?;
    let namespace = call.target.namespace.as_deref();
    if resource.namespaced && namespace.is_none() {
        return Err(Failure::method_not_allowed(
            "a collection is deleted in one namespace",
        ));
    }
    let chosen: Vec<String> = api.store.read(|state| {
        state
            .list(&resource.stored_as(), namespace)
            .filter(|(_, object)| selector.matches(object))
            .map(|(key, _)| key.name.clone())
            .collect()
    });
    let mut deleted = Vec::new();
    for name in chosen {
        match run(api, call.target.clone(), name, options.clone()).await {
            Ok((object, _)) => deleted.push(object),
            Err(failure) if failure.code == StatusCode::NOT_FOUND => {}
            Err(failure) => return Err(failure),
        }
    }
    let revision = api.store.read(State::revision).to_string();
    call.renderer()
        .list(&json!({"resourceVersion": revision}), &deleted)
}

/// Deletes one object, or marks it when finalizers keep it. Returns its last state and whether it
/// is gone.
pub async fn run(
    api: &Api,
    target: Target,
    name: String,
    options: Options,
) -> Result<(Arc<Value>, bool), Failure> {
    let decide = move |state: &State| {
        let resource = &target.resource;
        let key = target.key(&name);
        let current = state
            .get(&key)
            .ok_or_else(|| Failure::not_found(&resource.group, &resource.plural, &name))?;
        check(&target, current, &options)?;
        let mut object = (**current).clone();
        namespace::terminating(&target, &mut object)?;
        let held = namespace::held(&target, &object);
        if held && !meta::deleting(&object) {
            meta::mark_deleted(&mut object, resource.has_generation(), Timestamp::now());
        }
        let write = if object == **current && held {
            Write::Keep(current.clone())
        } else if options.dry {
            Write::Keep(Arc::new(object))
        } else if held {
            Write::Put(key, object)
        } else {
            Write::Remove(key, object)
        };
        Ok((write, !held))
    };
    api.store.transact(decide).await
}

fn check(target: &Target, current: &Value, options: &Options) -> Result<(), Failure> {
    let Some(preconditions) = &options.preconditions else {
        return Ok(());
    };
    let sides = [
        ("UID", "uid", &preconditions.uid),
        (
            "ResourceVersion",
            "resourceVersion",
            &preconditions.resource_version,
        ),
    ];
    for (title, field, said) in sides {
        let there = meta::text(current, field);
        if let Some(said) = said.as_deref().filter(|said| *said != there) {
            let why = format!(
                "Precondition failed: {title} in precondition: {said}, {title} in object meta: {there}"
            );
            let resource = &target.resource;
            let name = meta::text(current, "name");
            return Err(Failure::conflict(
                &resource.group,
                &resource.kind,
                name,
                &why,
            ));
        }
    }
    Ok(())
}
