//! How to connect.

use agentchat_protocol::Identity;

/// How to connect.
#[derive(Debug)]
pub struct Options {
    /// `wss://host:port`; `ws://` only to this host.
    pub url: String,
    /// CA certificate that the server's must come from, PEM; needed for `wss://`.
    pub ca_pem: Option<String>,
    /// Name shown to others.
    pub name: String,
    /// Key to prove; none for an ephemeral visit.
    pub identity: Option<Identity>,
    /// Channels joined at each connection: with their history at the first, resumed at later ones.
    pub channels: Vec<String>,
}
