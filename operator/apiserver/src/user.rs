//! Who asks.

use std::collections::BTreeMap;

/// Members may do everything.
pub const MASTERS: &str = "system:masters";

/// Everybody whose credential is known.
pub const AUTHENTICATED: &str = "system:authenticated";

/// The user behind a request. Authentication puts it into the request's extensions, where every
/// handler, those of the `extra` routes included, finds it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserInfo {
    /// Unique among those who are there at one time, for example `agentchat-admin`.
    pub name: String,
    /// Groups that the user is a member of. Nobody is in `system:authenticated` unless it is here.
    pub groups: Vec<String>,
    /// Unique in time too; empty when nobody gave one.
    pub uid: String,
    /// What else the authenticator knows, for policies of its own.
    pub extra: BTreeMap<String, Vec<String>>,
}

impl UserInfo {
    /// A user without uid and extra.
    pub fn new(name: &str, groups: &[&str]) -> Self {
        Self {
            name: name.into(),
            groups: groups.iter().map(ToString::to_string).collect(),
            ..Self::default()
        }
    }

    /// The bearer of the administrator's token.
    pub fn admin() -> Self {
        Self::new("agentchat-admin", &[MASTERS, AUTHENTICATED])
    }

    /// The operator itself, in this process.
    pub fn operator() -> Self {
        Self::new("agentchat-operator", &[MASTERS, AUTHENTICATED])
    }

    /// Whether the user is a member of this group.
    pub fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|own| own == group)
    }
}
