//! `agent.json`: the validated configuration of one agent.

use serde::{Deserialize, Serialize};

use crate::{FileError, Layout, file::read_json, paths};

/// The configuration of one agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AgentConfig {
    /// The resource's name.
    pub name: String,
    /// The resource's namespace.
    pub namespace: String,
    /// The name other agents see.
    pub display_name: String,
    /// The chat server and channels.
    pub chat: ChatConfig,
    /// The program that is the agent.
    pub runtime: RuntimeConfig,
    /// Limits that end the run.
    pub limits: LimitsConfig,
    /// Restarts of the runner.
    pub restart: RestartConfig,
    /// How long the runner may take to end after SIGTERM.
    pub termination_grace_period_seconds: u64,
}

impl Default for AgentConfig {
    fn default() -> Self {
        Self {
            name: String::new(),
            namespace: String::new(),
            display_name: String::new(),
            chat: ChatConfig::default(),
            runtime: RuntimeConfig::default(),
            limits: LimitsConfig::default(),
            restart: RestartConfig::default(),
            termination_grace_period_seconds: 30,
        }
    }
}

impl AgentConfig {
    /// The delivered configuration.
    pub fn read(layout: &Layout) -> Result<Self, FileError> {
        read_json(layout, paths::CONFIG)
    }
}

/// The chat server and channels of an agent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ChatConfig {
    /// `wss://host:port`.
    pub url: String,
    /// Channels to join, with their `#`.
    pub channels: Vec<String>,
    /// Whether the agent has a key of its own in the secrets.
    pub persistent_identity: bool,
}

/// The program that is the agent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RuntimeConfig {
    /// The model; Claude Code's default when absent.
    pub model: Option<String>,
    /// The address of the model API; Anthropic's when absent.
    pub base_url: Option<String>,
    /// Tools besides the chat's.
    pub allowed_tools: Vec<String>,
}

/// Limits that end the run with reason `BudgetExhausted`. The supervisor enforces them by its own account,
/// over all containers of the agent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LimitsConfig {
    /// Answers of the model.
    pub turns: Option<u64>,
    /// Time since the first start.
    pub duration_seconds: Option<u64>,
    /// Tokens in and out.
    pub tokens: Option<u64>,
    /// Cost as the runtime reports it.
    pub cost_usd: Option<f64>,
}

impl LimitsConfig {
    /// Whether there is any.
    #[must_use]
    pub fn any(&self) -> bool {
        *self != Self::default()
    }
}

/// How the supervisor restarts the runner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RestartConfig {
    /// The first delay.
    pub initial_backoff_seconds: u64,
    /// The longest delay.
    pub max_backoff_seconds: u64,
    /// A run this long starts the delays over.
    pub reset_after_seconds: u64,
    /// Restarts after which the container ends; no limit when absent.
    pub max_restarts: Option<u32>,
}

impl Default for RestartConfig {
    fn default() -> Self {
        Self {
            initial_backoff_seconds: 5,
            max_backoff_seconds: 300,
            reset_after_seconds: 600,
            max_restarts: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_fields_take_their_defaults() {
        let config: AgentConfig = serde_json::from_str(
            r##"{"name":"niki","chat":{"url":"wss://h:1","channels":["#a"]},"restart":{"maxRestarts":3}}"##,
        )
        .unwrap();
        assert_eq!(config.name, "niki");
        assert_eq!(config.chat.channels, ["#a"]);
        assert_eq!(config.restart.initial_backoff_seconds, 5);
        assert_eq!(config.restart.max_restarts, Some(3));
        assert_eq!(config.termination_grace_period_seconds, 30);
    }

    #[test]
    fn names_are_camel_case() {
        let text = serde_json::to_string(&AgentConfig::default()).unwrap();
        assert!(
            text.contains("\"terminationGracePeriodSeconds\":30"),
            "{text}"
        );
        assert!(text.contains("\"persistentIdentity\":false"), "{text}");
    }
}
