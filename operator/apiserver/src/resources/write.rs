//! Create, replace and patch.

use std::sync::Arc;

use axum::{http::StatusCode, response::Response};
use jiff::Timestamp;
use serde_json::Value;

use super::{Api, Call, namespace, warn};
use crate::{
    admission::{self, Admitted, Change},
    body,
    failure::Failure,
    meta,
    patch::Patch,
    store::{State, Write},
    target::Target,
};

/// POST.
pub async fn create(api: &Api, call: Call, bytes: &[u8]) -> Result<Response, Failure> {
    let object = body::object(&body::media_type(&call.headers), bytes)?;
    let (target, query) = (call.target.clone(), call.query.clone());
    if target.resource.namespaced && target.namespace.is_none() {
        return Err(Failure::bad_request(
            "an empty namespace may not be set during creation",
        ));
    }
    let uid = uuid::Uuid::new_v4().to_string();
    let validation = query.field_validation;
    let decide = move |state: &State| {
        namespace::check(state, &target)?;
        let Admitted { object, warnings } =
            admission::create(&target, object, validation, Timestamp::now(), &uid)?;
        let name = meta::text(&object, "name").to_owned();
        let key = target.key(&name);
        if let Some(there) = state.get(&key) {
            let prefix = if meta::deleting(there) {
                "object is being deleted: "
            } else {
                ""
            };
            let resource = &target.resource;
            return Err(Failure::already_exists(
                &resource.group,
                &resource.plural,
                &name,
                prefix,
            ));
        }
        let write = if query.dry_run {
            Write::Keep(Arc::new(object))
        } else {
            Write::Put(key, object)
        };
        Ok((write, warnings))
    };
    let (object, warnings) = api.store.transact(decide).await?;
    let mut response = call.renderer().object(StatusCode::CREATED, &object)?;
    warn(&mut response, &warnings);
    Ok(response)
}

/// PUT.
pub async fn replace(
    api: &Api,
    call: Call,
    name: String,
    bytes: &[u8],
) -> Result<Response, Failure> {
    let object = body::object(&body::media_type(&call.headers), bytes)?;
    change(api, call, name, None, move |_| Ok(object)).await
}

/// PATCH. The patch is applied to the newest state within the transaction.
pub async fn patch(api: &Api, call: Call, name: String, bytes: &[u8]) -> Result<Response, Failure> {
    let media_type = body::media_type(&call.headers);
    let patch = Patch::decode(&call.target.resource, &media_type, bytes)?;
    let text = String::from_utf8_lossy(bytes).into_owned();
    change(api, call, name, Some(text), move |current| {
        patch.apply(current)
    })
    .await
}

/// Stores what is proposed on the newest state; `patch` is what was sent, if it was one.
async fn change<F>(
    api: &Api,
    call: Call,
    name: String,
    patch: Option<String>,
    propose: F,
) -> Result<Response, Failure>
where
    F: FnOnce(&Value) -> Result<Value, Failure> + Send + 'static,
{
    let (target, query) = (call.target.clone(), call.query.clone());
    let not_found = call.not_found(&name);
    let decide = move |state: &State| {
        let key = target.key(&name);
        let current = state.get(&key).ok_or(not_found)?;
        let change = patch.as_deref().map_or(Change::Replace, Change::Patch);
        let Admitted { object, warnings } = admission::update(
            &target,
            current,
            propose(current)?,
            change,
            query.field_validation,
        )?;
        let write = if object == **current {
            Write::Keep(current.clone())
        } else if query.dry_run {
            Write::Keep(Arc::new(object))
        } else if released(&target, &object) {
            Write::Remove(key, object)
        } else {
            Write::Put(key, object)
        };
        Ok((write, warnings))
    };
    let (object, warnings) = api.store.transact(decide).await?;
    let mut response = call.renderer().object(StatusCode::OK, &object)?;
    warn(&mut response, &warnings);
    Ok(response)
}

/// Whether nothing keeps an object that is being deleted any more.
fn released(target: &Target, object: &Value) -> bool {
    meta::deleting(object) && !namespace::held(target, object)
}
