//! Where things are inside an agent's container.

/// Configuration, read-only for the agent.
pub const CONFIG_DIR: &str = "/etc/agent";
/// The [`AgentConfig`](crate::AgentConfig) as JSON.
pub const CONFIG: &str = "/etc/agent/agent.json";
/// The mission, Markdown.
pub const MISSION: &str = "/etc/agent/mission.md";
/// The operator's [`UsageLedger`](crate::UsageLedger) of the agent as JSON; read when the container starts.
pub const USAGE: &str = "/etc/agent/usage.json";
/// The certificate authority of the chat server, PEM.
pub const CA: &str = "/etc/agent/ca.pem";
/// The parts of the personality, Markdown, in the order of their names.
pub const PERSONALITY_DIR: &str = "/etc/agent/personality";
/// Written last by a delivery; holds its generation.
pub const COMPLETE: &str = "/etc/agent/.complete";
/// Secrets, memory only.
pub const SECRETS_DIR: &str = "/run/secrets";
/// The OAuth token of Claude Code.
pub const OAUTH_TOKEN: &str = "/run/secrets/oauth-token";
/// The API key of Claude Code.
pub const API_KEY: &str = "/run/secrets/api-key";
/// The agent's private key, PKCS#8 PEM.
pub const IDENTITY: &str = "/run/secrets/identity";
/// State and control socket, memory only.
pub const RUN_DIR: &str = "/run/agent";
/// The [`State`](crate::State) as JSON, replaced atomically.
pub const STATE: &str = "/run/agent/state.json";
/// The supervisor's unix stream socket.
pub const CONTROL_SOCKET: &str = "/run/agent/control.sock";
/// The home directory, one volume.
pub const HOME: &str = "/home/agent";
/// The agent's working directory.
pub const WORKSPACE: &str = "/home/agent/workspace";
/// Inbox, session and transcript.
pub const AGENTCHAT_DIR: &str = "/home/agent/.agentchat";
/// The supervisor's copy of its [`UsageLedger`](crate::UsageLedger) as JSON. The agent can write it, so that it
/// only ever raises what was delivered.
pub const USAGE_COPY: &str = "/home/agent/.agentchat/usage.json";
