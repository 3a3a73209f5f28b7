//! What the server serves: one descriptor a type, built in or registered from a CRD.
//!
//! Nothing outside this module and `namespaces` knows a type by name.

mod builtin;
mod crd;
mod review;

use std::sync::Arc;

use agentchat_schema::{NameRule, Schema};
use serde_json::Value;

pub use crd::Error;
pub use review::Review;

/// How a type's bodies are treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Part of Kubernetes; strategic merge patches are taken.
    BuiltIn,
    /// Registered from a CustomResourceDefinition.
    Custom,
}

/// A column of `kubectl get`.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Heading.
    pub name: String,
    /// `string`, `integer`, `number`, `boolean` or `date`.
    pub kind: String,
    /// Format, may be empty.
    pub format: String,
    /// Shown by `kubectl explain` and friends, may be empty.
    pub description: String,
    /// Above 0: only in wide output.
    pub priority: i64,
    /// Where the cell comes from.
    pub json_path: String,
}

/// One served type.
#[derive(Clone, Debug)]
pub struct Resource {
    /// API group, empty for the core group.
    pub group: String,
    /// Version.
    pub version: String,
    /// Plural, as in paths.
    pub plural: String,
    /// Singular.
    pub singular: String,
    /// Kind.
    pub kind: String,
    /// Kind of a list.
    pub list_kind: String,
    /// Short names.
    pub short_names: Vec<String>,
    /// Categories, e.g. `all`.
    pub categories: Vec<String>,
    /// Whether objects live in a namespace.
    pub namespaced: bool,
    /// Whether there is a status subresource.
    pub status: bool,
    /// Whether `spec.finalizers` keeps objects too, changed by a `finalize` subresource.
    pub finalize: bool,
    /// The question that it asks, when it is one: answered, and never stored.
    pub review: Option<Review>,
    /// Where the type comes from.
    pub origin: Origin,
    /// Structural schema (`openAPIV3Schema`).
    pub schema: Schema,
    /// Columns after Name.
    pub columns: Vec<Column>,
    /// Field selectors besides `metadata.name` and `metadata.namespace`.
    pub selectable: Vec<String>,
    /// What its objects may be called.
    pub name_rule: NameRule,
    /// Brings an object into the form that is stored.
    pub prepare: Option<fn(&mut Value)>,
}

impl Resource {
    /// `agentchat.dev/v1alpha1`, or `v1` in the core group.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// How the store calls it: `agents.agentchat.dev`, `secrets`.
    pub fn stored_as(&self) -> String {
        if self.group.is_empty() {
            self.plural.clone()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }

    /// Whether `metadata.generation` counts changes of it.
    pub fn has_generation(&self) -> bool {
        self.origin == Origin::Custom
    }

    /// What can be done with it, as discovery says.
    pub fn verbs(&self) -> &'static [&'static str] {
        if self.review.is_some() {
            &["create"]
        } else {
            &[
                "create",
                "delete",
                "deletecollection",
                "get",
                "list",
                "patch",
                "update",
                "watch",
            ]
        }
    }
}

/// Every served type.
#[derive(Debug)]
pub struct Registry {
    resources: Vec<Arc<Resource>>,
}

impl Registry {
    /// The built-in types and those of the given CustomResourceDefinitions (YAML).
    pub fn new(crds: &[String]) -> Result<Self, Error> {
        let mut resources: Vec<Arc<Resource>> = builtin::all()?
            .into_iter()
            .chain(review::all()?)
            .map(Arc::new)
            .collect();
        for text in crds {
            let resource = crd::parse(text)?;
            if resources
                .iter()
                .any(|known| known.stored_as() == resource.stored_as())
            {
                return Err(Error::Twice(resource.stored_as()));
            }
            resources.push(Arc::new(resource));
        }
        Ok(Self { resources })
    }

    /// The type at a path.
    pub fn find(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<Resource>> {
        self.resources.iter().find(|resource| {
            resource.group == group && resource.version == version && resource.plural == plural
        })
    }

    /// All of them, in the order they were registered.
    pub fn all(&self) -> &[Arc<Resource>] {
        &self.resources
    }

    /// Groups and their versions, core first.
    pub fn group_versions(&self) -> Vec<(&str, &str)> {
        let mut seen: Vec<(&str, &str)> = Vec::new();
        for resource in &self.resources {
            let one = (resource.group.as_str(), resource.version.as_str());
            if !seen.contains(&one) {
                seen.push(one);
            }
        }
        seen
    }
}
