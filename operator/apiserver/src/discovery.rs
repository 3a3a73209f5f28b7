//! Discovery: which groups, versions and resources there are. Plain, not aggregated.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::{
    resources::{self, Api},
    types::{Registry, Resource},
};

/// The Kubernetes version whose API this is like.
const MINOR: &str = "34";

/// GET /version.
pub async fn version() -> Json<Value> {
    Json(json!({
        "major": "1",
        "minor": MINOR,
        "gitVersion": format!("v1.{MINOR}.0+agentchat-{}", env!("CARGO_PKG_VERSION")),
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "none",
        "compiler": "rustc",
        "platform": format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
    }))
}

/// GET /api.
pub async fn core() -> Json<Value> {
    Json(json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}))
}

/// GET /apis.
pub async fn groups(State(api): State<Arc<Api>>) -> Json<Value> {
    let mut names: Vec<&str> = Vec::new();
    for (group, _) in api.registry.group_versions() {
        if !group.is_empty() && !names.contains(&group) {
            names.push(group);
        }
    }
    let groups: Vec<Value> = names
        .iter()
        .filter_map(|name| describe_group(&api.registry, name))
        .collect();
    Json(json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}))
}

/// GET /apis/GROUP.
pub async fn group(State(api): State<Arc<Api>>, Path(name): Path<String>) -> Response {
    match describe_group(&api.registry, &name) {
        Some(mut group) => {
            group["kind"] = "APIGroup".into();
            group["apiVersion"] = "v1".into();
            Json(group).into_response()
        }
        None => resources::no_such_path(),
    }
}

/// GET /api/v1.
pub async fn core_resources(State(api): State<Arc<Api>>) -> Response {
    list(&api.registry, "", "v1")
}

/// GET /apis/GROUP/VERSION.
pub async fn group_resources(
    State(api): State<Arc<Api>>,
    Path((group, version)): Path<(String, String)>,
) -> Response {
    list(&api.registry, &group, &version)
}

fn describe_group(registry: &Registry, name: &str) -> Option<Value> {
    let versions: Vec<Value> = registry
        .group_versions()
        .into_iter()
        .filter(|(group, _)| *group == name && !name.is_empty())
        .map(|(group, version)| {
            json!({"groupVersion": format!("{group}/{version}"), "version": version})
        })
        .collect();
    let preferred = versions.first()?.clone();
    Some(json!({"name": name, "versions": versions, "preferredVersion": preferred}))
}

fn list(registry: &Registry, group: &str, version: &str) -> Response {
    let mut entries = Vec::new();
    let mut api_version = None;
    let here = registry
        .all()
        .iter()
        .filter(|resource| resource.group == group && resource.version == version);
    for resource in here {
        api_version = Some(resource.api_version());
        entries.push(entry(resource));
        let mut parts = Vec::new();
        if resource.status {
            parts.push("status");
        }
        if resource.finalize {
            parts.push("finalize");
        }
        for part in parts {
            entries.push(json!({
                "name": format!("{}/{part}", resource.plural),
                "singularName": "",
                "namespaced": resource.namespaced,
                "kind": resource.kind,
                "verbs": ["get", "patch", "update"],
            }));
        }
    }
    match api_version {
        Some(api_version) => Json(json!({
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": api_version,
            "resources": entries,
        }))
        .into_response(),
        None => resources::no_such_path(),
    }
}

fn entry(resource: &Resource) -> Value {
    let mut entry = json!({
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": resource.verbs(),
    });
    if !resource.short_names.is_empty() {
        entry["shortNames"] = resource.short_names.clone().into();
    }
    if !resource.categories.is_empty() {
        entry["categories"] = resource.categories.clone().into();
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_custom_group_is_described() {
        let agents = include_str!("../../../manifests/crds/agents.agentchat.dev.yaml");
        let registry = Registry::new(&[agents.to_owned()]).unwrap();
        let group = describe_group(&registry, "agentchat.dev").unwrap();
        assert_eq!(
            group["preferredVersion"]["groupVersion"],
            "agentchat.dev/v1alpha1"
        );
        assert!(describe_group(&registry, "").is_none());
        assert!(describe_group(&registry, "other").is_none());
    }
}
