//! Reading a `CustomResourceDefinition` into a descriptor.

use agentchat_schema::{NameRule, Schema};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceColumnDefinition, CustomResourceDefinition,
};
use serde_json::Value;

use super::{Column, Origin, Resource, builtin::age};

/// A definition that can't be served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not a CustomResourceDefinition.
    #[error("a CRD can't be read: {0}")]
    Yaml(#[from] serde_yaml::Error),
    /// No version is served.
    #[error("CRD {0} serves no version with a schema")]
    NoVersion(String),
    /// Several versions are served; conversion isn't there.
    #[error("CRD {0} serves more than one version: leave one served")]
    Versions(String),
    /// Not the shape of a CustomResourceDefinition.
    #[error("a CRD is not as it should be: {0}")]
    Shape(#[from] serde_json::Error),
    /// The schema can't be used.
    #[error("schema of a CRD: {0}")]
    Schema(#[from] agentchat_schema::Error),
    /// The type is there already.
    #[error("the type {0} is defined twice")]
    Twice(String),
}

/// Reads one definition.
pub(super) fn parse(text: &str) -> Result<Resource, Error> {
    let raw: Value = serde_yaml::from_str(text)?;
    let crd: CustomResourceDefinition = serde_json::from_value(raw.clone())?;
    let name = crd.metadata.name.unwrap_or_default();
    let names = crd.spec.names;
    let mut served = crd.spec.versions.into_iter().filter(|v| v.served);
    let version = served
        .next()
        .ok_or_else(|| Error::NoVersion(name.clone()))?;
    if served.next().is_some() {
        return Err(Error::Versions(name));
    }
    let schema = schema(&raw, &version.name).ok_or(Error::NoVersion(name))?;
    let status = version
        .subresources
        .as_ref()
        .is_some_and(|subresources| subresources.status.is_some());
    let columns = match version.additional_printer_columns {
        Some(columns) if !columns.is_empty() => columns.into_iter().map(column).collect(),
        _ => vec![age()],
    };
    let selectable = version.selectable_fields.unwrap_or_default();
    Ok(Resource {
        group: crd.spec.group,
        version: version.name,
        singular: names.singular.unwrap_or_else(|| names.kind.to_lowercase()),
        list_kind: names
            .list_kind
            .unwrap_or_else(|| format!("{}List", names.kind)),
        plural: names.plural,
        kind: names.kind,
        short_names: names.short_names.unwrap_or_default(),
        categories: names.categories.unwrap_or_default(),
        namespaced: crd.spec.scope == "Namespaced",
        status,
        finalize: false,
        review: None,
        origin: Origin::Custom,
        schema: Schema::new(schema)?,
        columns,
        selectable: selectable
            .into_iter()
            .map(|field| field.json_path.trim_start_matches('.').to_owned())
            .collect(),
        name_rule: NameRule::Subdomain,
        prepare: None,
    })
}

/// The schema as it was written; the typed form would turn every bound into a float.
fn schema(definition: &Value, version: &str) -> Option<Value> {
    let versions = definition["spec"]["versions"].as_array()?;
    let found = versions.iter().find(|entry| entry["name"] == version)?;
    found.pointer("/schema/openAPIV3Schema").cloned()
}

fn column(from: CustomResourceColumnDefinition) -> Column {
    Column {
        name: from.name,
        kind: from.type_,
        format: from.format.unwrap_or_default(),
        description: from.description.unwrap_or_default(),
        priority: from.priority.unwrap_or_default().into(),
        json_path: from.json_path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_agent_definition_is_read() {
        let text = include_str!("../../../../manifests/crds/agents.agentchat.dev.yaml");
        let agents = parse(text).unwrap();
        assert_eq!(agents.stored_as(), "agents.agentchat.dev");
        assert_eq!(agents.api_version(), "agentchat.dev/v1alpha1");
        assert!(agents.namespaced && agents.status);
        assert_eq!(agents.columns[0].json_path, ".status.phase");
        assert_eq!(agents.schema.root()["type"], "object");
    }
}
