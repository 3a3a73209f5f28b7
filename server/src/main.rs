//! The chat server's program: see [`agentchat_server`].

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Frames are made by one thread and let go of by others, which costs the system's allocator an eighth of the hub's
/// time.
#[global_allocator]
static MEMORY: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    // A page of 2 MiB for what needs a few KiB: an idle connection would take a third more. Where that can't be had,
    // it does.
    nix::sys::prctl::set_thp_disable(true).ok();
    match agentchat_server::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
