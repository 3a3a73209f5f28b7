//! The chat server's program: see [`agentchat_server`].

use std::process::ExitCode;

fn main() -> ExitCode {
    match agentchat_server::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
