//! The kinds that are applied.

use std::fmt;

use kube::core::ApiResource;

/// Group and version of our own kinds.
pub const OWN_API: &str = "agentchat.dev/v1alpha1";

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

impl Kind {
    /// All of them, in the order of application.
    pub const ALL: [Self; 5] = [
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

    /// Its group and version.
    pub fn api_version(self) -> &'static str {
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

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
