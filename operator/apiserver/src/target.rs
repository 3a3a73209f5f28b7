//! Which objects a path means.

use std::sync::Arc;

use crate::{
    request_path::ResourcePath,
    store::Key,
    types::{Registry, Resource},
};

/// A part of an object with a path of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subresource {
    /// `status`.
    Status,
    /// `finalize` of a Namespace.
    Finalize,
}

/// What a request is about.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its type.
    pub resource: Arc<Resource>,
    /// The namespace; `None` for cluster-wide types and for lists over all namespaces.
    pub namespace: Option<String>,
    /// The object; `None` for a collection.
    pub name: Option<String>,
    /// The part.
    pub subresource: Option<Subresource>,
    /// Whether the legacy `/watch/` prefix was used.
    pub watch: bool,
}

impl Target {
    /// Reads a path below `/api/v1` or `/apis/GROUP/VERSION`. `None`: no such resource.
    pub fn parse(registry: &Registry, path: &str) -> Option<Self> {
        let path = ResourcePath::parse(path)?;
        let resource = registry.find(&path.group, &path.version, &path.resource)?;
        let subresource = match path.subresource.as_deref() {
            None => None,
            Some("status") if resource.status => Some(Subresource::Status),
            Some("finalize") if resource.finalize => Some(Subresource::Finalize),
            Some(_) => return None,
        };
        // A namespaced object has its namespace in the path, another has not.
        let scoped = path.namespace.is_some();
        if scoped && !resource.namespaced || !scoped && resource.namespaced && path.name.is_some() {
            return None;
        }
        Some(Self {
            resource: resource.clone(),
            namespace: path.namespace,
            name: path.name,
            subresource,
            watch: path.watch,
        })
    }

    /// Where an object of that name is stored.
    pub fn key(&self, name: &str) -> Key {
        Key {
            resource: self.resource.stored_as(),
            namespace: self.namespace.clone().unwrap_or_default(),
            name: name.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(path: &str) -> Option<(String, Option<String>, Option<String>, bool)> {
        let agents = include_str!("../../../manifests/crds/agents.agentchat.dev.yaml");
        let registry = Registry::new(&[agents.to_owned()]).unwrap();
        let target = Target::parse(&registry, path)?;
        Some((
            target.resource.kind.clone(),
            target.namespace,
            target.name,
            target.subresource.is_some(),
        ))
    }

    #[test]
    fn paths() {
        let some = |text: &str| Some(text.to_owned());
        let namespace = |name, part| Some((String::from("Namespace"), None, name, part));
        assert_eq!(parse("/api/v1/namespaces"), namespace(None, false));
        assert_eq!(parse("/api/v1/namespaces/x"), namespace(some("x"), false));
        assert_eq!(
            parse("/api/v1/namespaces/x/status"),
            namespace(some("x"), true)
        );
        assert_eq!(
            parse("/apis/agentchat.dev/v1alpha1/namespaces/d/agents/a%62/status"),
            Some(("Agent".into(), some("d"), some("ab"), true))
        );
        assert_eq!(
            parse("/apis/agentchat.dev/v1alpha1/agents"),
            Some(("Agent".into(), None, None, false))
        );
        for nowhere in [
            "/apis/agentchat.dev/v1alpha1/agents/a",
            "/apis/agentchat.dev/v1/agents",
            "/api/v1/pods",
            "/api/v1/namespaces/x/secrets/s/status",
            "/nothing",
        ] {
            assert_eq!(parse(nowhere), None, "{nowhere}");
        }
    }
}
