//! `Node`: a machine that runs Podman, for agents (role Client) or for the chat server (role Server).

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a machine is for.
#[derive(CustomResource, Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq)]
#[kube(
    group = "agentchat.dev",
    version = "v1alpha1",
    kind = "Node",
    plural = "nodes",
    shortname = "an",
    category = "agentchat",
    status = "NodeStatus",
    doc = "A machine that runs Podman: for agents (role Client) or for the chat server (role Server).",
    printcolumn = r#"{"name":"Role","type":"string","jsonPath":".spec.role"}"#,
    printcolumn = r#"{"name":"Phase","type":"string","jsonPath":".status.phase"}"#,
    printcolumn = r#"{"name":"Agents","type":"integer","jsonPath":".status.agents"}"#,
    printcolumn = r#"{"name":"Podman","type":"string","jsonPath":".status.nodeInfo.podmanVersion"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct NodeSpec {
    /// Client: runs agents. Server: runs the chat server.
    pub role: NodeRole,
    /// The machine.
    #[serde(default)]
    pub machine: Machine,
    /// How this node's agents reach the chat server, when the operator can't know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^wss?://"))]
    pub chat_endpoint: Option<String>,
    /// Whether new agents are kept away.
    #[serde(default)]
    pub unschedulable: bool,
    /// The chat server; role Server only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerSpec>,
}

/// What a Node is for.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
pub enum NodeRole {
    /// Runs agents.
    #[default]
    Client,
    /// Runs the chat server.
    Server,
}

/// The machine behind a Node. Lima VMs and remote Podman hosts come with their own issue.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Machine {
    /// The engine that the operator itself was started with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local: Option<LocalMachine>,
}

/// The engine that the operator itself was started with; nothing to say about it yet.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq)]
pub struct LocalMachine {}

/// The chat server of a Node of role Server.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ServerSpec {
    /// TCP port.
    #[serde(default = "default_port")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: u16,
    /// Who may come in.
    #[serde(default)]
    pub profile: ServerProfile,
    /// Channels that the operator creates and keeps, each with its `#`.
    #[serde(default)]
    #[schemars(length(max = 256), inner(regex(pattern = r"^#[a-zA-Z0-9_-]{1,31}$")))]
    pub channels: Vec<String>,
    /// A server that is run elsewhere: how everybody reaches it. The operator then runs none; the Secrets
    /// `<node>-chat-ca` (key `ca.crt`) and `<node>-chat-admin` (key `key`) say whom to trust and how to administer it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^wss?://"))]
    pub endpoint: Option<String>,
    /// Image of the chat server; default: the one of this release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// More names and addresses for the server's certificate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub advertise: Vec<String>,
}

impl Default for ServerSpec {
    fn default() -> Self {
        Self {
            port: default_port(),
            profile: ServerProfile::default(),
            channels: vec![],
            endpoint: None,
            image: None,
            advertise: vec![],
        }
    }
}

fn default_port() -> u16 {
    6667
}

/// Who may come in to a chat server.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum ServerProfile {
    /// Approved keys only.
    #[default]
    Private,
    /// Anybody, with the protocol's own restrictions for newcomers.
    Public,
}

/// Where a Node stands, in one word.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
pub enum NodePhase {
    /// Not looked at yet.
    #[default]
    Pending,
    /// Everything that it is for works.
    Ready,
    /// It does not; the conditions say why.
    NotReady,
    /// It is being removed.
    Deleting,
}

/// What the controller reports about a Node.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct NodeStatus {
    /// Where it stands, in one word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<NodePhase>,
    /// Generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// PodmanReachable, ServerReady, Ready.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// What runs there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_info: Option<NodeInfo>,
    /// Where the chat server can be reached, and from where; role Server.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<Endpoint>,
    /// The chat server's CA certificate, PEM; role Server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle: Option<String>,
    /// How many agents it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agents: Option<u32>,
    /// Restarts of the chat server's container, counted by the operator; role Server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_restarts: Option<u32>,
}

/// Versions of what runs on a Node.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct NodeInfo {
    /// The engine's own identity; Nodes with the same one share its capacity.
    #[serde(default)]
    pub engine_id: String,
    /// Version of Podman.
    pub podman_version: String,
    /// Version of its Docker-compatible API.
    pub api_version: String,
    /// Kernel release.
    pub kernel: String,
    /// CPU architecture.
    pub architecture: String,
    /// Operating system.
    pub os: String,
}

/// From where an endpoint can be reached.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
pub enum EndpointScope {
    /// From containers of the same engine.
    #[default]
    SameEngine,
    /// From the host itself.
    Host,
    /// From everywhere.
    Network,
}

/// One way to the chat server.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint {
    /// From where it works.
    pub scope: EndpointScope,
    /// `wss://…`.
    pub url: String,
}
