//! Where things are inside a chat server's container, and whom they belong to.
//!
//! The operator delivers [`CONFIG`], [`TLS_CERT`], [`TLS_KEY`] and [`ADMIN_KEY`]; `agentchat-server serve
//! --delivered` waits for them.

/// Configuration, memory only, read-only for the server.
pub const CONFIG_DIR: &str = "/etc/agentchat-server";
/// The server's settings, YAML: the keys are those that `agentchat-server config` prints.
pub const CONFIG: &str = "/etc/agentchat-server/server.yaml";
/// Secrets, memory only, read-only for the server.
pub const SECRETS_DIR: &str = "/run/secrets";
/// The server's certificate and those that lead to its authority, PEM.
pub const TLS_CERT: &str = "/run/secrets/tls.crt";
/// The private key of the certificate, PEM.
pub const TLS_KEY: &str = "/run/secrets/tls.key";
/// The key of the admin messages.
pub const ADMIN_KEY: &str = "/run/secrets/admin.key";
/// The database, one volume.
pub const DATA_DIR: &str = "/var/lib/agentchat";
/// The server's user and group; the image's [`DATA_DIR`] belongs to them, so that a fresh volume does.
pub const UID: u32 = 10002;
