//! Names and labels that more than one part of the system relies on.

/// Namespace of Secrets and ConfigMaps that belong to Nodes and to the control plane.
pub const SYSTEM_NAMESPACE: &str = "agentchat-system";
/// Finalizer of Agents and Nodes.
pub const FINALIZER: &str = "agentchat.dev/operator";
/// Annotation of a Node or an Agent. `true` on a Node that does not answer: what is on it is lost, nobody waits
/// for it any more. On an Agent, the name of such a Node, or `true` for any.
pub const ABANDON_ANNOTATION: &str = "agentchat.dev/abandon";
/// Annotation of a Node of role Server: the image of a scripted model that runs beside its chat server.
pub const SCRIPTED_MODEL_ANNOTATION: &str = "agentchat.dev/scripted-model";
/// Name of the scripted model on the swarm's network, and its port.
pub const SCRIPTED_MODEL: (&str, u16) = ("agentchat-model", 8080);

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

/// Name of what a Node runs for itself, its container: no agent's can be the same, since those have other parts.
pub fn component_name(swarm: &str, node: &str, component: &str) -> String {
    format!("agentchat_{swarm}_{component}_node_{node}")
}

/// Name of the volume of what a Node runs for itself.
pub fn component_volume(swarm: &str, node: &str, component: &str) -> String {
    format!("{}-data", component_name(swarm, node, component))
}

/// Name under which agents of the same engine find a Node's chat server on the swarm's network: one DNS label.
pub fn chat_server_host(node: &str) -> String {
    format!("agentchat-server-{}", node.replace('.', "-"))
}

/// Address of the scripted model on the swarm's network, counted from the end of its range.
pub const SCRIPTED_MODEL_ADDRESS: u32 = 1;
/// How many addresses chat servers share; the first one comes after the scripted model's.
const CHAT_SERVER_ADDRESSES: u32 = 60;

/// Address of a Node's chat server on the swarm's network, counted from the end of its range: the same wherever it is
/// asked for. Two servers on one engine whose names come to the same one can't both run there, which their conditions say.
pub fn chat_server_address(node: &str) -> u32 {
    // FNV-1a, 32 bits.
    let step = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    let hash = node.bytes().fold(0x811c_9dc5, step);
    SCRIPTED_MODEL_ADDRESS + 1 + hash % CHAT_SERVER_ADDRESSES
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
