//! The control plane of one swarm. The embedded API server and the Podman driver are not part of this
//! build yet, so it says so instead of starting.

use std::process::ExitCode;

use agentchat_operator::args::{Args, init_logging};
use clap::Parser;

fn main() -> ExitCode {
    let args = Args::parse();
    init_logging();
    tracing::error!(
        swarm = args.swarm,
        "this build has no embedded API server and no Podman driver yet; nothing was started"
    );
    ExitCode::FAILURE
}
