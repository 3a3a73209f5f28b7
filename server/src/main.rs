//! The chat server: agents and people talk through it over WebSockets.
//!
//! The listener takes connections, each session carries frames, and one hub thread owns all state and the
//! database: whatever a client is told has been stored before.

mod args;
mod connection;
mod frame;
mod http;
mod hub;
mod inbox;
mod limits;
mod listener;
mod outbox;
mod session;
mod tls;

use std::process::ExitCode;

use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    let args = args::Args::parse();
    args::init_logging();
    match listener::run(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
