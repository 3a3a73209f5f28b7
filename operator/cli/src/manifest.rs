//! Manifests from files: read, checked as far as that goes without a server, in the order of their application.

mod check;
mod files;
mod overlay;
mod references;
mod sentence;

use anyhow::{Context, Result, bail};
use kube::core::ApiResource;
use serde_json::Value;

pub use files::load;
pub use overlay::Overlay;
pub use references::check as check_references;

/// Kinds that are applied, in that order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `v1`.
    Namespace,
    /// `v1`.
    Secret,
    /// `v1`.
    ConfigMap,
    /// `agentchat.dev/v1alpha1`.
    Node,
    /// `agentchat.dev/v1alpha1`.
    Agent,
}

/// Group and version of our own kinds.
pub const OWN_API: &str = "agentchat.dev/v1alpha1";

impl Kind {
    const ALL: [Self; 5] = [
        Self::Namespace,
        Self::Secret,
        Self::ConfigMap,
        Self::Node,
        Self::Agent,
    ];

    /// Name of the kind.
    pub fn name(self) -> &'static str {
        match self {
            Self::Namespace => "Namespace",
            Self::Secret => "Secret",
            Self::ConfigMap => "ConfigMap",
            Self::Node => "Node",
            Self::Agent => "Agent",
        }
    }

    fn api_version(self) -> &'static str {
        match self {
            Self::Namespace | Self::Secret | Self::ConfigMap => "v1",
            Self::Node | Self::Agent => OWN_API,
        }
    }

    /// Whether objects of this kind live in a namespace.
    pub fn namespaced(self) -> bool {
        !matches!(self, Self::Namespace | Self::Node)
    }

    /// How the API calls it.
    pub fn resource(self) -> ApiResource {
        let api_version = self.api_version();
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        ApiResource {
            group: group.to_owned(),
            version: version.to_owned(),
            api_version: api_version.to_owned(),
            kind: self.name().to_owned(),
            plural: format!("{}s", self.name().to_ascii_lowercase()),
        }
    }
}

/// One manifest.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace, if its kind has them.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// What the file says.
    pub source: Value,
    /// What is changed for this swarm, as a merge patch; null for nothing.
    pub overlay: Value,
}

impl Manifest {
    /// How messages call it.
    pub fn title(&self) -> String {
        match &self.namespace {
            Some(namespace) if namespace != "default" => {
                format!("{} {namespace}/{}", self.kind.name(), self.name)
            }
            _ => format!("{} {}", self.kind.name(), self.name),
        }
    }

    /// Whether it is a Node that runs a chat server on this machine.
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
        crate::apply::merge(&mut value, &self.overlay);
        value
    }

    /// Reads one document.
    pub fn read(mut source: Value) -> Result<Self> {
        if !source.is_object() {
            bail!("it is no group of fields; a manifest has apiVersion, kind, metadata and spec");
        }
        let kind = Self::kind_of(&source)?;
        agentchat_schema::normalise(&mut source);
        let text = |pointer: &str| source.pointer(pointer).and_then(Value::as_str);
        let name = text("/metadata/name").unwrap_or("without a name");
        let title = || format!("{} {name}", kind.name());
        check::check(kind, &source).with_context(title)?;
        let name = name.to_owned();
        let namespace = match (kind.namespaced(), text("/metadata/namespace")) {
            (true, namespace) => Some(namespace.unwrap_or("default").to_owned()),
            (false, None) => None,
            (false, Some(_)) => bail!(
                "{} {name}: a {} has no namespace; remove metadata.namespace",
                kind.name(),
                kind.name()
            ),
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

    /// The kind that a document says it is of.
    fn kind_of(source: &Value) -> Result<Kind> {
        let text = |field: &str| {
            let value = source.get(field).and_then(Value::as_str);
            value.with_context(|| {
                format!("{field} is missing; a manifest has apiVersion, kind, metadata and spec")
            })
        };
        let (kind, api_version) = (text("kind")?, text("apiVersion")?);
        match Kind::ALL.into_iter().find(|known| known.name() == kind) {
            Some(known) if known.api_version() == api_version => Ok(known),
            Some(known) => bail!(
                "apiVersion is {api_version:?}, but of kind {kind} it must be {}",
                known.api_version()
            ),
            None => bail!(
                "kind is {kind:?}, but agentctl applies only {}",
                Kind::ALL.map(Kind::name).join(", ")
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    fn loaded(text: &str) -> Result<Vec<Manifest>> {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.yaml"), text).unwrap();
        fs::write(dir.path().join("README.md"), "not: [yaml").unwrap();
        load(&[dir.path().to_owned()])
    }

    #[test]
    fn the_quickstart_is_read_in_the_order_of_application() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../manifests/quickstart");
        let titles: Vec<_> = load(&[path]).unwrap().iter().map(Manifest::title).collect();
        assert_eq!(
            titles,
            ["Node server-1", "Node client-1", "Agent ada", "Agent sam"]
        );
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        let agent = "apiVersion: agentchat.dev/v1alpha1\nkind: Agent\nmetadata: {name: ada}\n";
        let limits = "{costUSD: 1.5, turns: 7.0, tokens: 1e3}";
        let good = format!("---\n---\n{agent}spec: {{mission: x, limits: {limits}}}\n");
        let one = &loaded(&good).unwrap()[0];
        assert_eq!(one.namespace.as_deref(), Some("default"));
        assert_eq!(
            one.source["spec"]["limits"],
            serde_json::json!({"costUSD": 1.5, "turns": 7, "tokens": 1000})
        );
        for (text, says) in [
            ("a: [1", "document 1"),
            ("- 1", "no group of fields"),
            ("x: 1", "kind is missing"),
            ("kind: Pod\napiVersion: v1", "kind is \"Pod\""),
            (
                "kind: Agent\napiVersion: v1",
                "must be agentchat.dev/v1alpha1",
            ),
            ("# nothing\n", "no manifest in /"),
            (
                &format!("{agent}spec: {{}}"),
                "Agent ada: spec.mission is missing",
            ),
            (&format!("{agent}spec: {{mission: 3}}"), "must be text"),
            (
                &format!("{agent}spec: {{mission: x, mission: y}}"),
                "duplicate",
            ),
            (
                &format!("{agent}spec: {{mission: x}}").replace(": ada}", ": Ada_1}"),
                "metadata.name is \"Ada_1\"",
            ),
            (
                &format!("{agent}spec: {{mission: x, misson: y}}"),
                "spec.misson",
            ),
            (
                &format!("{agent}spec: {{mission: x, limits: {{turn: 1}}}}"),
                "spec.limits.turn",
            ),
            (
                &format!("{agent}spec: {{mission: x, limits: {{costUSD: .nan}}}}"),
                "document 1: spec.limits.costUSD is .nan, but must be a number",
            ),
            (
                &format!("{agent}spec: {{mission: x}}\n---\n{agent}spec: {{mission: y}}"),
                "twice",
            ),
        ] {
            let said = format!("{:#}", loaded(text).unwrap_err());
            assert!(said.contains(says), "{text}: {said}");
        }
    }
}
