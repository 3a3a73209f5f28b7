//! The scripted model, a stand-in for the Messages API: see [`agentchat_e2e::scripted`].

use std::{io::Write, net::SocketAddr};

use agentchat_e2e::scripted::app;
use anyhow::Context;
use clap::Parser;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tracing_subscriber::EnvFilter;

/// Stands in for the Messages API and follows a script: it listens in the chat and answers. No model thinks here.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Args {
    /// Where to listen; plain HTTP.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8089")]
    listen: SocketAddr,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    let args = Args::parse();
    let (mut term, mut int) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    let listener = TcpListener::bind(args.listen).await.with_context(|| {
        format!(
            "can't listen on {}; choose another with --listen",
            args.listen
        )
    })?;
    let address = listener.local_addr()?;
    writeln!(
        std::io::stdout(),
        "scripted model listening on http://{address}"
    )?;
    tokio::select! {
        ended = axum::serve(listener, app()) => ended.context("can't serve any longer"),
        _ = term.recv() => Ok(()),
        _ = int.recv() => Ok(()),
    }
}
