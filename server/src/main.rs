//! The chat server's program: see [`agentchat_server`].

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    match agentchat_server::run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
