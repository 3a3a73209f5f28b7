//! The CustomResourceDefinitions of our types, as YAML.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

use crate::{Agent, Node};

/// The definitions: file name and YAML of each.
///
/// # Errors
/// When a definition can't be written as YAML, which would be a defect of the types.
pub fn crds() -> Result<Vec<(&'static str, String)>, serde_json::Error> {
    [
        ("agents.agentchat.dev.yaml", Agent::crd()),
        ("nodes.agentchat.dev.yaml", Node::crd()),
    ]
    .into_iter()
    .map(|(file, crd)| Ok((file, yaml(&crd)?)))
    .collect()
}

/// JSON is YAML; through JSON, so that the order of keys is stable.
fn yaml(crd: &CustomResourceDefinition) -> Result<String, serde_json::Error> {
    let value = serde_json::to_value(crd)?;
    serde_yaml::to_string(&value).map_err(serde::ser::Error::custom)
}
