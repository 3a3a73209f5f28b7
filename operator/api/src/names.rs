//! Names and labels that more than one part of the system relies on.

/// Namespace of Secrets and ConfigMaps that belong to Nodes and to the control plane.
pub const SYSTEM_NAMESPACE: &str = "agentchat-system";
/// Finalizer of Agents and Nodes.
pub const FINALIZER: &str = "agentchat.dev/operator";
/// Secret that agents take their model credentials from unless told otherwise.
pub const DEFAULT_CREDENTIALS: &str = "claude";
/// Key of an OAuth token in a Secret.
pub const OAUTH_TOKEN_KEY: &str = "oauth-token";
/// Key of an API key in a Secret.
pub const API_KEY_KEY: &str = "api-key";
/// Key of a private identity (PKCS#8 PEM) in a Secret.
pub const IDENTITY_KEY: &str = "identity";
/// Key of the admin key in a Secret.
pub const ADMIN_KEY_KEY: &str = "key";

/// Secret with a chat server's CA: `ca.crt`, `ca.key`.
pub fn chat_ca_secret(node: &str) -> String {
    format!("{node}-chat-ca")
}

/// Secret with a chat server's certificate: `tls.crt`, `tls.key`, `ca.crt`.
pub fn chat_tls_secret(node: &str) -> String {
    format!("{node}-chat-tls")
}

/// Secret with a chat server's admin key: `key`.
pub fn chat_admin_secret(node: &str) -> String {
    format!("{node}-chat-admin")
}

/// Secret with an agent's identity: `identity`.
pub fn identity_secret(agent: &str) -> String {
    format!("{agent}-identity")
}

/// Name of an agent's container: `agentchat-<name>` in the default swarm and namespace, otherwise
/// `agentchat_<swarm>_<namespace>_<name>`. Names can't hold `_`, so no two agents collide.
pub fn container_name(swarm: &str, namespace: &str, name: &str) -> String {
    if swarm == "default" && namespace == "default" {
        format!("agentchat-{name}")
    } else {
        format!("agentchat_{swarm}_{namespace}_{name}")
    }
}

/// Name of the volume that holds an agent's home.
pub fn volume_name(swarm: &str, namespace: &str, name: &str) -> String {
    format!("{}-home", container_name(swarm, namespace, name))
}

/// Name of a swarm's network.
pub fn network_name(swarm: &str) -> String {
    if swarm == "default" {
        "agentchat".to_owned()
    } else {
        format!("agentchat_{swarm}")
    }
}

/// Chat name of an agent that was given none: its name, dots as hyphens, cut at 32.
pub fn default_display_name(name: &str) -> String {
    name.chars()
        .map(|c| if c == '.' { '-' } else { c })
        .take(32)
        .collect()
}
