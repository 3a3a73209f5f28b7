//! Runs Claude Code for one agent: personality, prompt, session, transcript, reports of usage.
//!
//! Started by `agent-supervisor`. Exit codes are those of `agentchat_contract::exit`.

mod claude;
mod credential;
mod ledger;
mod prompt;
mod redaction;
mod report;
mod resume;
mod run;
mod stream;
mod transcript;

use std::{path::PathBuf, process::ExitCode};

use agentchat_contract::Layout;
use clap::Parser;
use tracing_subscriber::EnvFilter;

/// Runs Claude Code for one agent. Started by agent-supervisor; configuration is read from /etc/agent.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Args {
    /// Root of all paths; other than / in tests only.
    #[arg(long, env = "AGENT_ROOT", default_value = "/", hide = true)]
    root: PathBuf,
    /// The program that thinks.
    #[arg(long, default_value = "claude", hide = true)]
    claude: PathBuf,
    /// The MCP server that gives it its chat tools.
    #[arg(long, default_value = "/usr/local/bin/agentchat-mcp", hide = true)]
    mcp: PathBuf,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_env("AGENT_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        // Nobody may read the log any more; complaining of that to the log would be a panic.
        .log_internal_errors(false)
        .init();
    let args = Args::parse();
    let code = run::run(Layout::new(args.root), args.claude, args.mcp).await;
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}
