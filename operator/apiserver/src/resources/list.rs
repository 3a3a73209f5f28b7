//! List: pages that are one snapshot.

use std::sync::Arc;

use axum::response::Response;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Api, Call};
use crate::{
    failure::Failure,
    selector::Selector,
    store::{Key, TooOld},
};

/// What a page's successor needs to know.
#[derive(Debug, Deserialize, Serialize, PartialEq, Eq)]
struct Continue {
    v: String,
    rv: u64,
    start: String,
}

impl Continue {
    fn encode(revision: u64, last: &Key) -> Result<String, Failure> {
        let token = Self {
            v: "meta.k8s.io/v1".into(),
            rv: revision,
            start: format!("{}/{}\0", last.namespace, last.name),
        };
        serde_json::to_vec(&token)
            .map(|json| BASE64_URL_SAFE_NO_PAD.encode(json))
            .map_err(|error| Failure::internal(error.to_string()))
    }

    fn decode(token: &str) -> Result<Self, Failure> {
        BASE64_URL_SAFE_NO_PAD
            .decode(token)
            .ok()
            .and_then(|json| serde_json::from_slice::<Self>(&json).ok())
            .filter(|token| token.v == "meta.k8s.io/v1")
            .ok_or_else(|| Failure::bad_request("continue key is not valid: start the list anew"))
    }

    /// Whether a key comes after the previous page.
    fn precedes(&self, key: &Key) -> bool {
        let mut parts = self.start.trim_end_matches('\0').splitn(2, '/');
        let (namespace, name) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        (key.namespace.as_str(), key.name.as_str()) > (namespace, name)
    }
}

/// GET of a collection.
pub fn handle(api: &Api, call: &Call) -> Result<Response, Failure> {
    let query = &call.query;
    let resource = &call.target.resource;
    let selector = Selector::parse(resource, &query.label_selector, &query.field_selector)?;
    let token = match query.continue_token.as_str() {
        "" => None,
        token => Some(Continue::decode(token)?),
    };
    let at = revision(call, token.as_ref())?;
    let namespace = call.target.namespace.as_deref();
    let stored = resource.stored_as();
    let (revision, mut items) = api.store.read(|state| {
        let newest = state.revision();
        let wanted = |key: &Key, object: &Value| {
            token.as_ref().is_none_or(|token| token.precedes(key)) && selector.matches(object)
        };
        let asked = query
            .resource_version
            .unwrap_or_default()
            .max(at.unwrap_or_default());
        if asked > newest {
            return Err(Failure::revision_too_large(asked, newest));
        }
        let items: Vec<(Key, Arc<Value>)> = match at {
            Some(at) if at < newest => state
                .list_at(&stored, namespace, at)
                .map_err(|too_old| expired(&too_old))?
                .into_iter()
                .filter(|(key, object)| wanted(key, object))
                .collect(),
            _ => state
                .list(&stored, namespace)
                .filter(|(key, object)| wanted(key, object))
                .map(|(key, object)| (key.clone(), object.clone()))
                .collect(),
        };
        Ok((at.unwrap_or(newest), items))
    })?;
    let mut metadata = json!({"resourceVersion": revision.to_string()});
    // A revision of 0 means the cache, which isn't paged.
    let limit = match query.resource_version {
        Some(0) => 0,
        _ => query.limit,
    };
    if limit > 0 && items.len() > limit {
        let left = items.split_off(limit).len();
        if let Some((last, _)) = items.last() {
            metadata["continue"] = Continue::encode(revision, last)?.into();
        }
        if selector.is_empty() {
            metadata["remainingItemCount"] = left.into();
        }
    }
    let items: Vec<Arc<Value>> = items.into_iter().map(|(_, object)| object).collect();
    call.renderer().list(&metadata, &items)
}

/// The revision to list at; `None` is the newest.
fn revision(call: &Call, token: Option<&Continue>) -> Result<Option<u64>, Failure> {
    let query = &call.query;
    let invalid = |why: &str| {
        let resource = &call.target.resource;
        Err(Failure::unprocessable(format!(
            "{} is invalid: {why}",
            resource.list_kind
        )))
    };
    if query.send_initial_events {
        return invalid("sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list");
    }
    if let Some(token) = token {
        if query.resource_version.is_some_and(|revision| revision != 0) {
            return Err(Failure::bad_request(
                "specifying resource version is not allowed when using continue",
            ));
        }
        return Ok(Some(token.rv));
    }
    match (&query.resource_version_match, query.resource_version) {
        (Some(_), None) => invalid(
            "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided",
        ),
        (Some(how), Some(0)) if how == "Exact" => invalid(
            "resourceVersionMatch: Forbidden: resourceVersionMatch \"Exact\" is forbidden for resourceVersion \"0\"",
        ),
        (Some(how), revision) if how == "Exact" => Ok(revision),
        _ => Ok(None),
    }
}

fn expired(too_old: &TooOld) -> Failure {
    Failure::expired(format!(
        "The provided continue parameter is too old to display a consistent list result: revision {} left the history, the oldest is {}: start a new list",
        too_old.asked, too_old.oldest
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_continues_after_its_key() {
        let key = |namespace: &str, name: &str| Key {
            resource: "x".into(),
            namespace: namespace.into(),
            name: name.into(),
        };
        let token = Continue::decode(&Continue::encode(7, &key("b", "m")).unwrap()).unwrap();
        assert_eq!(token.rv, 7);
        assert!(!token.precedes(&key("b", "m")) && !token.precedes(&key("a", "z")));
        assert!(token.precedes(&key("b", "m1")) && token.precedes(&key("c", "a")));
        assert!(Continue::decode("nonsense").is_err());
    }
}
