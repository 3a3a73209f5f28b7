//! `agentchat-mcp` is not part of this build yet: it says so instead of pretending to have worked.

use std::{io::Write, process::ExitCode};

fn main() -> ExitCode {
    match writeln!(
        std::io::stderr(),
        "agentchat-mcp is not part of this build yet; nothing was done"
    ) {
        Ok(()) | Err(_) => ExitCode::FAILURE,
    }
}
