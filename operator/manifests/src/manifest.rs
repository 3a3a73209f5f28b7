//! One manifest, checked as far as that goes without a server.

use agentchat_schema::Problem;
use serde_json::Value;

use crate::{check, kind::Kind, patch::merge, sentence::sentence};

/// One manifest.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace, if its kind has them.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// What the document says.
    pub source: Value,
    /// What is changed for one swarm, as a merge patch; null for nothing.
    pub overlay: Value,
}

/// Why a document is no manifest.
#[derive(Debug, thiserror::Error)]
pub enum InvalidManifest {
    /// It is a list, a text or the like.
    #[error("it is no group of fields; a manifest has apiVersion, kind, metadata and spec")]
    NoFields,
    /// It does not say what it is.
    #[error("{0} is missing; a manifest has apiVersion, kind, metadata and spec")]
    Missing(&'static str),
    /// Its kind is not one of those that are applied.
    #[error("kind is {0:?}, but only {names} are applied", names = Kind::ALL.map(Kind::name).join(", "))]
    Kind(String),
    /// Its kind is of another group or version.
    #[error("apiVersion is {found:?}, but of kind {kind} it must be {expected}", expected = kind.api_version())]
    ApiVersion {
        /// The kind.
        kind: Kind,
        /// What it says.
        found: String,
    },
    /// It is in a namespace, but its kind is not.
    #[error("{kind} {name}: a {kind} has no namespace; remove metadata.namespace")]
    Namespace {
        /// The kind.
        kind: Kind,
        /// The name.
        name: String,
    },
    /// Fields break the rules of its kind.
    #[error("{kind} {name}: {}", sentences(*kind, problems))]
    Fields {
        /// The kind.
        kind: Kind,
        /// The name.
        name: String,
        /// All that is wrong.
        problems: Vec<Problem>,
    },
    /// The rules of its kind can't be read, which a test rules out.
    #[error("the schema of kind {kind} can't be used: {message}")]
    Schema {
        /// The kind.
        kind: Kind,
        /// What is wrong with it.
        message: String,
    },
}

fn sentences(kind: Kind, problems: &[Problem]) -> String {
    let secret = kind == Kind::Secret;
    let all: Vec<_> = problems.iter().map(|p| sentence(p, secret)).collect();
    all.join("\n  ")
}

impl Manifest {
    /// How messages call it.
    pub fn title(&self) -> String {
        match &self.namespace {
            Some(namespace) if namespace != "default" => {
                format!("{} {namespace}/{}", self.kind, self.name)
            }
            _ => format!("{} {}", self.kind, self.name),
        }
    }

    /// Whether it is a Node that runs a chat server on the machine of the swarm.
    pub fn is_local_server(&self) -> bool {
        self.kind == Kind::Node
            && self
                .source
                .pointer("/spec/role")
                .is_some_and(|role| role == "Server")
            && self.source.pointer("/spec/machine/local").is_some()
    }

    /// The source with the overlay on it.
    pub fn effective(&self) -> Value {
        let mut value = self.source.clone();
        merge(&mut value, &self.overlay);
        value
    }

    /// Reads one document. Whole numbers are brought to one form, and an object without a namespace is in
    /// `default`.
    ///
    /// # Errors
    /// When it is of no kind that is applied, and with everything that breaks the rules of its kind.
    pub fn read(mut source: Value) -> Result<Self, InvalidManifest> {
        if !source.is_object() {
            return Err(InvalidManifest::NoFields);
        }
        let kind = kind_of(&source)?;
        agentchat_schema::normalise(&mut source);
        let text = |pointer: &str| source.pointer(pointer).and_then(Value::as_str);
        let name = text("/metadata/name")
            .unwrap_or("without a name")
            .to_owned();
        let problems = check::problems(kind, &source)
            .map_err(|message| InvalidManifest::Schema { kind, message })?;
        if !problems.is_empty() {
            return Err(InvalidManifest::Fields {
                kind,
                name,
                problems,
            });
        }
        let namespace = match (kind.namespaced(), text("/metadata/namespace")) {
            (true, namespace) => Some(namespace.unwrap_or("default").to_owned()),
            (false, None) => None,
            (false, Some(_)) => return Err(InvalidManifest::Namespace { kind, name }),
        };
        if let Some(namespace) = &namespace {
            source["metadata"]["namespace"] = namespace.clone().into();
        }
        Ok(Self {
            kind,
            namespace,
            name,
            source,
            overlay: Value::Null,
        })
    }
}

/// The kind that a document says it is of.
fn kind_of(source: &Value) -> Result<Kind, InvalidManifest> {
    let text = |field: &'static str| {
        let value = source.get(field).and_then(Value::as_str);
        value.ok_or(InvalidManifest::Missing(field))
    };
    let (kind, found) = (text("kind")?, text("apiVersion")?);
    let known = Kind::ALL.into_iter().find(|known| known.name() == kind);
    let kind = known.ok_or_else(|| InvalidManifest::Kind(kind.to_owned()))?;
    if kind.api_version() == found {
        Ok(kind)
    } else {
        let found = found.to_owned();
        Err(InvalidManifest::ApiVersion { kind, found })
    }
}
