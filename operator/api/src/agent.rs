//! `Agent`: one AI agent, run in a container and connected to a chat server.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::{
    api::resource::Quantity, apis::meta::v1::Condition, util::intstr::IntOrString,
};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an agent is to be and do.
#[derive(CustomResource, Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq)]
#[kube(
    group = "agentchat.dev",
    version = "v1alpha1",
    kind = "Agent",
    plural = "agents",
    shortname = "ag",
    category = "agentchat",
    namespaced,
    status = "AgentStatus",
    doc = "An AI agent: a mission and a personality, run in a container and connected to a chat server.",
    printcolumn = r#"{"name":"Phase","type":"string","jsonPath":".status.phase"}"#,
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status"}"#,
    printcolumn = r#"{"name":"Node","type":"string","jsonPath":".status.nodeName"}"#,
    printcolumn = r#"{"name":"Activity","type":"string","jsonPath":".status.activity.state"}"#,
    printcolumn = r#"{"name":"Restarts","type":"integer","jsonPath":".status.restarts"}"#,
    printcolumn = r#"{"name":"Turns","type":"integer","jsonPath":".status.usage.turns","priority":1}"#,
    printcolumn = r#"{"name":"Cost","type":"string","jsonPath":".status.usage.costUSD","priority":1}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct AgentSpec {
    /// What the agent is to do, in words.
    #[schemars(length(min = 1, max = 65536))]
    pub mission: String,
    /// Ordered Markdown parts that become the system prompt, joined by a horizontal rule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub personality: Vec<PersonalityPart>,
    /// The program that thinks for the agent.
    #[serde(default)]
    pub runtime: Runtime,
    /// When the agent ends by itself: a typed end, not an error.
    #[serde(default)]
    pub limits: Limits,
    /// Where and as whom the agent talks.
    #[serde(default)]
    pub chat: Chat,
    /// Credentials for the model; default: the Secret `claude` of the namespace, key `oauth-token` or `api-key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Credentials>,
    /// Container image; default: the agent image of this release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Resource limits of the container.
    #[serde(default)]
    pub resources: Resources,
    /// Where the agent may run.
    #[serde(default)]
    pub placement: Placement,
    /// Seconds between the request to stop and the kill.
    #[serde(default = "default_grace")]
    #[schemars(range(min = 0, max = 3600))]
    pub termination_grace_period_seconds: u32,
    /// Whether the agent is stopped, with everything that it has kept.
    #[serde(default)]
    pub suspend: bool,
}

fn default_grace() -> u32 {
    30
}

/// One part of the personality: exactly one of the fields.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PersonalityPart {
    /// The text itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inline: Option<String>,
    /// A key of a ConfigMap in the Agent's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map_ref: Option<KeyRef>,
}

/// One key of a Secret or ConfigMap in the namespace of what refers to it.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct KeyRef {
    /// Name of the object.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Key within it.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

/// One value of a Secret.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SecretValue {
    /// The Secret and its key.
    pub secret_key_ref: KeyRef,
}

/// Which program thinks for the agent.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
pub enum RuntimeKind {
    /// Claude Code.
    #[default]
    ClaudeCode,
}

/// The program that thinks for the agent, and how it reaches its model.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Runtime {
    /// Which program.
    #[serde(default)]
    pub kind: RuntimeKind,
    /// Model name; default: the program's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Tools beyond the chat tools. No shell by default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub allowed_tools: Vec<String>,
    /// Another endpoint of the Messages API: a gateway, or the scripted model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^https?://"))]
    pub base_url: Option<String>,
}

/// Bounds after which the agent ends as `Completed`.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Answers of the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub turns: Option<u64>,
    /// Time since the first start, like `90s`, `5m` or `2h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[0-9]+(s|m|h)$"))]
    pub duration: Option<String>,
    /// Tokens in and out together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub tokens: Option<u64>,
    /// Cost in US dollars, as Claude Code reports it.
    #[serde(default, rename = "costUSD", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0))]
    pub cost_usd: Option<f64>,
}

/// How an agent proves who it is to the chat server.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
pub enum IdentityKind {
    /// An Ed25519 key, made and kept by the operator.
    #[default]
    Persistent,
    /// No key; a new name tag at each connection.
    Ephemeral,
}

/// Where and as whom the agent talks.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Chat {
    /// Name shown to others; default: the Agent's name, dots as hyphens, cut at 32.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[a-zA-Z0-9_-]{1,32}$"))]
    pub display_name: Option<String>,
    /// A Node of role Server; default: the only one there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_ref: Option<NameRef>,
    /// Channels to join, each with its `#`.
    #[serde(default = "default_channels")]
    #[schemars(length(max = 64), inner(regex(pattern = r"^#[a-zA-Z0-9_-]{1,31}$")))]
    pub channels: Vec<String>,
    /// How the agent proves who it is.
    #[serde(default)]
    pub identity: IdentityKind,
}

impl Default for Chat {
    fn default() -> Self {
        Self {
            display_name: None,
            server_ref: None,
            channels: default_channels(),
            identity: IdentityKind::default(),
        }
    }
}

fn default_channels() -> Vec<String> {
    vec!["#general".to_owned()]
}

/// A reference by name.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct NameRef {
    /// Name of the object.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// Credentials for the model: one of the two.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Credentials {
    /// OAuth token of a Claude subscription.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oauth_token: Option<SecretValue>,
    /// API key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<SecretValue>,
}

/// Resource limits of the container.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Resources {
    /// Upper bounds: `cpu` (default 2), `memory` (default 4Gi), `pids` (default 256).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, IntOrString>")]
    pub limits: BTreeMap<String, Quantity>,
}

/// Where the agent may run.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Placement {
    /// The Node to run on; default: any Node of role Client that is Ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_name: Option<String>,
}

/// Where an agent stands, in one word.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
pub enum AgentPhase {
    /// Something that it needs is missing; the conditions say what.
    #[default]
    Pending,
    /// Its container is being brought up.
    Starting,
    /// It is at work.
    Running,
    /// It waits for messages.
    Listening,
    /// It ended too often and waits before the next start.
    CrashLoopBackOff,
    /// It was asked to rest.
    Suspended,
    /// It reached a limit of its own, or its end.
    Completed,
    /// It ended with an error that a restart does not mend.
    Failed,
    /// The engine does not answer: nothing is known.
    Unknown,
    /// It is being removed.
    Terminating,
}

/// What the controller reports about an Agent.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct AgentStatus {
    /// Where it stands, in one word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<AgentPhase>,
    /// Generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Scheduled, SecretsReady, ImageReady, ContainerRunning, ChatConnected, Ready.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Node on which it was placed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_name: Option<String>,
    /// Engine's id of its container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_id: Option<String>,
    /// Start of the container's current run, RFC 3339: how the operator tells one run from the next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_started_at: Option<String>,
    /// Image, with its digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Its id on the chat server, with `@`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// Claude Code's session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// Whether that session was resumed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_resumed: Option<bool>,
    /// Restarts of the container, counted by the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarts: Option<u32>,
    /// Restarts of the runner inside the container, as reported from there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runner_restarts: Option<u32>,
    /// How the container last ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_termination: Option<LastTermination>,
    /// What it is doing, as reported from the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity: Option<ActivityStatus>,
    /// What it has used so far, as reported from its containers: the highest that was reported. Limits are held
    /// to it, and it goes along to the next container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<UsageStatus>,
    /// What may still exist on Nodes that were given up; newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub abandoned: Vec<Abandoned>,
}

/// Something that was given up with the Node it was on.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Abandoned {
    /// The Node.
    pub node: String,
    /// What was last known to be there: a container, a volume.
    pub what: String,
    /// When it was given up, RFC 3339.
    pub time: String,
}

/// How a container ended.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct LastTermination {
    /// Why, in one word.
    pub reason: String,
    /// Exit code, if it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i64>,
    /// Whether the kernel ended it for want of memory.
    #[serde(default)]
    pub oom: bool,
    /// When it ended, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<String>,
}

/// What an agent is doing.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ActivityStatus {
    /// Idle, Listening, Thinking or Tool.
    pub state: String,
    /// Since when, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
}

/// What an agent has used.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct UsageStatus {
    /// When the agent was first started, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Answers of the model.
    #[serde(default)]
    pub turns: u64,
    /// Tokens sent to the model.
    #[serde(default)]
    pub tokens_in: u64,
    /// Tokens received from it.
    #[serde(default)]
    pub tokens_out: u64,
    /// US dollars, a decimal number as text.
    #[serde(default, rename = "costUSD")]
    pub cost_usd: String,
}
