//! Manifests from files: read, checked as far as that goes without a server, in the order of their application.

mod check;
mod overlay;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use kube::core::ApiResource;
use serde::Deserialize;
use serde_json::Value;

pub use overlay::Overlay;

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
        let text = |pointer: &str| source.pointer(pointer).and_then(Value::as_str);
        let kind = text("/kind").context("it has no `kind`")?;
        let api_version = text("/apiVersion").context("it has no `apiVersion`")?;
        let known = Kind::ALL
            .into_iter()
            .find(|k| k.name() == kind && k.api_version() == api_version);
        let Some(kind) = known else {
            let known = Kind::ALL.map(|k| format!("{} ({})", k.name(), k.api_version()));
            bail!(
                "{kind:?} of {api_version:?} is not a kind that agentctl applies; those are {}",
                known.join(", ")
            );
        };
        let name = text("/metadata/name")
            .context("it has no `metadata.name`")?
            .to_owned();
        let namespace = match (kind.namespaced(), text("/metadata/namespace")) {
            (true, namespace) => Some(namespace.unwrap_or("default").to_owned()),
            (false, None) => None,
            (false, Some(_)) => bail!(
                "a {} has no namespace; remove `metadata.namespace`",
                kind.name()
            ),
        };
        if let Some(namespace) = &namespace {
            source["metadata"]["namespace"] = namespace.clone().into();
        }
        check::check(kind, &source)?;
        Ok(Self {
            kind,
            namespace,
            name,
            source,
            overlay: Value::Null,
        })
    }
}

/// Reads files, and the `.yaml`, `.yml` and `.json` files of folders, by name; gives the order of application.
pub fn load(paths: &[PathBuf]) -> Result<Vec<Manifest>> {
    let mut all: Vec<Manifest> = vec![];
    for file in files(paths)? {
        let text = fs::read_to_string(&file)
            .with_context(|| format!("{} can't be read", file.display()))?;
        for (index, document) in serde_yaml::Deserializer::from_str(&text).enumerate() {
            let place = || format!("{}, document {}", file.display(), index + 1);
            let value = Value::deserialize(document).with_context(place)?;
            if value.is_null() {
                continue;
            }
            let manifest = Manifest::read(value).with_context(place)?;
            let same = |m: &Manifest| {
                (m.kind, &m.namespace, &m.name)
                    == (manifest.kind, &manifest.namespace, &manifest.name)
            };
            if all.iter().any(same) {
                bail!("{}: {} is there twice", place(), manifest.title());
            }
            all.push(manifest);
        }
    }
    if all.is_empty() {
        bail!("there is no manifest in {paths:?}");
    }
    all.sort_by_key(|manifest| manifest.kind);
    Ok(all)
}

fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = vec![];
    for path in paths {
        let what = || format!("{} can't be read", path.display());
        if !fs::metadata(path).with_context(what)?.is_dir() {
            files.push(path.clone());
            continue;
        }
        let entries: Result<Vec<_>, _> = fs::read_dir(path).with_context(what)?.collect();
        let mut found: Vec<_> = entries
            .with_context(what)?
            .iter()
            .map(|e| e.path())
            .collect();
        found.retain(|file| is_manifest(file));
        found.sort();
        files.append(&mut found);
    }
    Ok(files)
}

fn is_manifest(path: &Path) -> bool {
    let known = |e: &std::ffi::OsStr| ["yaml", "yml", "json"].iter().any(|known| e == *known);
    path.extension().is_some_and(known) && path.is_file()
}

#[cfg(test)]
mod tests {
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
        let good = format!("---\n---\n{agent}spec: {{mission: x, limits: {{costUSD: 1.0}}}}\n");
        let one = &loaded(&good).unwrap()[0];
        assert_eq!(one.namespace.as_deref(), Some("default"));
        for (text, says) in [
            ("a: [1", "document 1"),
            ("x: 1", "no `kind`"),
            ("kind: Pod\napiVersion: v1", "\"Pod\""),
            ("kind: Agent\napiVersion: v1", "not a kind"),
            ("# nothing\n", "no manifest"),
            (&format!("{agent}spec: {{}}"), "mission"),
            (&format!("{agent}spec: {{mission: 3}}"), "string"),
            (
                &format!("{agent}spec: {{mission: x, misson: y}}"),
                "spec.misson",
            ),
            (
                &format!("{agent}spec: {{mission: x, limits: {{turn: 1}}}}"),
                "spec.limits.turn",
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
