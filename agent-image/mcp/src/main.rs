//! MCP server on standard input and output that gives an agent its chat tools.
//!
//! Started by Claude Code, ended by the end of its input. Connects by itself and stays connected; what is said
//! meanwhile waits in an inbox on the agent's volume.

mod chat;
mod inbox;
mod listen;
mod report;
mod settings;
mod stdin;
mod tools;

use std::{process::ExitCode, sync::Arc, time::Duration};

use agentchat_contract::{ChatState, DeliveryWatch, Layout, paths};
use anyhow::Context;
use clap::Parser;
use rmcp::ServiceExt;
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing_subscriber::EnvFilter;

use crate::{
    chat::Chat,
    inbox::Inbox,
    report::not_connected,
    settings::{LiveSettings, Settings},
    stdin::WatchedStdin,
    tools::Tools,
};

/// Gives an agent its chat tools, over MCP on standard input and output. Configuration is read from
/// /etc/agent; AGENTCHAT_URL, AGENT_NAME and AGENTCHAT_SETTLE_MS override it.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Args {}

/// How long the end may take.
const END_TIMEOUT: Duration = Duration::from_secs(1);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_env("AGENT_LOG")
        .unwrap_or_else(|_| EnvFilter::new("warn,agentchat_mcp=info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        // Nobody may read the log any more; complaining of that to the log would be a panic.
        .log_internal_errors(false)
        .init();
    let Args {} = Args::parse();
    // Only tests set it.
    let root = std::env::var_os("AGENT_ROOT").unwrap_or_else(|| "/".into());
    let layout = Layout::new(root.into());
    let (state, reported) = watch::channel(not_connected("Connecting", "still connecting"));
    let reporter = tokio::spawn(report::keep(layout.path(paths::CONTROL_SOCKET), reported));
    let code = match serve(&layout, state.clone()).await {
        Ok(()) => {
            state.send_replace(not_connected(
                "Stopped",
                "the agent's chat tools have ended",
            ));
            ExitCode::SUCCESS
        }
        Err(error) => {
            tracing::error!("{error:#}");
            state.send_replace(not_connected("ChatToolsFailed", &format!("{error:#}")));
            ExitCode::FAILURE
        }
    };
    drop(state);
    if tokio::time::timeout(END_TIMEOUT, reporter).await.is_err() {
        tracing::debug!("the supervisor did not take the last report");
    }
    code
}

async fn serve(layout: &Layout, state: watch::Sender<ChatState>) -> anyhow::Result<()> {
    // Before anything is read, so that no delivery is missed.
    let deliveries = DeliveryWatch::new(layout);
    let settings = Settings::load(layout)?;
    let settle = settings.settle;
    let folder = layout.path(paths::AGENTCHAT_DIR);
    let inbox = Inbox::open(&folder)
        .with_context(|| format!("the inbox in {} can't be used", folder.display()))?;
    let inbox = Arc::new(inbox);
    let chat = Chat::start(settings, inbox.clone(), state);
    let following = follow_deliveries(deliveries, layout.clone(), chat.clone());
    let _following = AbortOnDropHandle::new(tokio::spawn(following));
    let gone = CancellationToken::new();
    let tools = Tools {
        chat: chat.clone(),
        inbox,
        settle,
        gone: gone.clone(),
    };
    let running = tools
        .serve((WatchedStdin::new(gone), tokio::io::stdout()))
        .await;
    let ended = match running {
        Ok(running) => running
            .waiting()
            .await
            .map(drop)
            .context("the MCP server failed"),
        Err(error) => Err(error).context("no MCP client"),
    };
    // Also where it failed: the server then knows at once that the agent is away.
    if tokio::time::timeout(END_TIMEOUT, chat.shutdown())
        .await
        .is_err()
    {
        tracing::debug!("the connection did not end in time");
    }
    ended
}

/// Takes in what each delivery changes, for as long as the server runs.
async fn follow_deliveries(mut deliveries: DeliveryWatch, layout: Layout, chat: Arc<Chat>) {
    loop {
        deliveries.next().await;
        match LiveSettings::load(&layout) {
            Ok(live) => chat.change(live),
            Err(error) => {
                let error = anyhow::Error::from(error);
                tracing::error!("going on with the settings of before: {error:#}");
            }
        }
    }
}
