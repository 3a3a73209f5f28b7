//! Claude Code as a child process: its arguments, its environment, its signals.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use agentchat_contract::{AgentConfig, Layout, paths};
use anyhow::Context;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::json;
use tokio::{
    io::AsyncWriteExt,
    process::{Child, ChildStdin, ChildStdout, Command},
};

use crate::{
    credential::{Credentials, Fingerprint},
    resume::repair,
};

/// How a session begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// A new one with this id.
    New(String),
    /// The known one with this id.
    Resume(String),
}

/// What stays the same from start to start.
pub struct Claude {
    /// The program.
    pub program: PathBuf,
    /// The MCP server's program.
    pub mcp: PathBuf,
    /// Paths.
    pub layout: Layout,
    /// The model's credential.
    pub credentials: Credentials,
    /// Personality, joined.
    pub system_prompt: String,
}

/// A process of Claude Code.
pub struct Spawned {
    /// The process.
    pub child: Child,
    /// Its input.
    pub stdin: ChildStdin,
    /// Its output.
    pub stdout: ChildStdout,
    /// Of the credential that it was given; `None` when there was none.
    pub credential: Option<Fingerprint>,
}

/// Arguments; nothing secret is among them.
fn arguments(
    claude: &Claude,
    config: &AgentConfig,
    start: &Start,
    mcp_config: &Path,
) -> Vec<String> {
    let mut arguments: Vec<String> = [
        "-p",
        "--input-format",
        "stream-json",
        "--output-format",
        "stream-json",
        "--verbose",
    ]
    .map(str::to_owned)
    .to_vec();
    let mut flag = |name: &str, value: &str| arguments.extend([name.to_owned(), value.to_owned()]);
    match start {
        Start::New(id) => flag("--session-id", id),
        Start::Resume(id) => flag("--resume", id),
    }
    if let Some(model) = &config.runtime.model {
        flag("--model", model);
    }
    if !claude.system_prompt.is_empty() {
        flag("--append-system-prompt", &claude.system_prompt);
    }
    // No built-in tool unless the manifest names it; no settings from the agent's own folders.
    flag("--tools", &config.runtime.allowed_tools.join(","));
    flag("--setting-sources", "");
    let mut allowed = vec!["mcp__agentchat".to_owned()];
    allowed.extend(config.runtime.allowed_tools.iter().cloned());
    flag("--allowedTools", &allowed.join(","));
    flag("--mcp-config", &mcp_config.to_string_lossy());
    arguments.push("--strict-mcp-config".to_owned());
    arguments
}

impl Claude {
    /// Starts it in a process group of its own, so that a signal to ours does not reach it.
    pub fn spawn(&self, config: &AgentConfig, start: &Start) -> anyhow::Result<Spawned> {
        let mcp_config = self.layout.path(paths::RUN_DIR).join("mcp.json");
        let mut environment = json!({});
        let root = self.layout.root();
        if root != Path::new("/") {
            environment["AGENT_ROOT"] = root.to_string_lossy().into();
        }
        let server = json!({"mcpServers": {"agentchat": {"type": "stdio", "command": self.mcp,
            "args": [], "alwaysLoad": true, "env": environment}}});
        std::fs::write(&mcp_config, server.to_string())
            .with_context(|| format!("{} can't be written", mcp_config.display()))?;
        if let Start::Resume(session) = start {
            match repair(&self.layout.path(paths::HOME), session) {
                Ok(there) => tracing::debug!(session, there, "the session's pointer is set"),
                Err(error) => {
                    tracing::warn!(session, %error, "the session's pointer could not be set");
                }
            }
        }
        let credential = self.credentials.pipe()?;
        let mut command = Command::new(&self.program);
        command
            .args(arguments(self, config, start, &mcp_config))
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.layout.path(paths::HOME))
            .env("LANG", "C.UTF-8")
            .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
            .env("CLAUDE_CODE_MCP_ALLOWLIST_ENV", "1")
            .env("DISABLE_AUTOUPDATER", "1")
            .env("MCP_CONNECT_TIMEOUT_MS", "30000")
            .current_dir(self.layout.path(paths::WORKSPACE))
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        if let Some(url) = &config.runtime.base_url {
            command.env("ANTHROPIC_BASE_URL", url);
        }
        if let Some(pipe) = &credential {
            command.env(pipe.variable, pipe.number());
        }
        let mut child = command
            .spawn()
            .with_context(|| format!("{} can't be started", self.program.display()))?;
        let stdin = child
            .stdin
            .take()
            .context("Claude Code has no standard input")?;
        let stdout = child.stdout.take().context("Claude Code has no output")?;
        Ok(Spawned {
            child,
            stdin,
            stdout,
            credential: credential.map(|pipe| pipe.fingerprint),
        })
    }
}

/// Gives Claude Code a user's message.
pub async fn send_message(stdin: &mut ChildStdin, text: &str) -> std::io::Result<()> {
    let line = json!({"type": "user", "message": {"role": "user", "content": text}});
    stdin.write_all(format!("{line}\n").as_bytes()).await?;
    stdin.flush().await
}

/// Ends it: SIGINT, which cancels a tool call cleanly, then SIGKILL after `grace`.
pub async fn stop(child: &mut Child, grace: Duration) {
    if let Some(id) = child.id().and_then(|id| i32::try_from(id).ok())
        && let Err(error) = kill(Pid::from_raw(id), Signal::SIGINT)
    {
        tracing::debug!(%error, "Claude Code has ended already");
    }
    if tokio::time::timeout(grace, child.wait()).await.is_err()
        && let Err(error) = child.kill().await
    {
        tracing::warn!(%error, "Claude Code could not be killed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_give_chat_tools_only_and_the_right_session() {
        let claude = Claude {
            program: "claude".into(),
            mcp: "mcp".into(),
            layout: Layout::new("/".into()),
            credentials: Credentials::new(Layout::new("/".into())),
            system_prompt: "You are Ada.".into(),
        };
        let config = AgentConfig::default();
        let new = arguments(
            &claude,
            &config,
            &Start::New("u".into()),
            Path::new("/m.json"),
        );
        let text = new.join(" ");
        assert!(
            text.contains("--session-id u") && !text.contains("--resume"),
            "{text}"
        );
        assert!(
            text.contains("--append-system-prompt You are Ada."),
            "{text}"
        );
        let tools = new.iter().position(|a| a == "--tools").unwrap();
        assert_eq!(new[tools + 1], "");
        let allowed = new.iter().position(|a| a == "--allowedTools").unwrap();
        assert_eq!(new[allowed + 1], "mcp__agentchat");
        let resumed = arguments(
            &claude,
            &config,
            &Start::Resume("u".into()),
            Path::new("/m.json"),
        );
        assert!(resumed.join(" ").contains("--resume u"));
    }
}
