//! `agent-supervisor report`: prints the state.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;

use agentchat_contract::{Layout, exit, paths};
use anyhow::Context as _;

/// Prints the state once, or at each change until the supervisor ends.
pub fn report(layout: &Layout, follow: bool) -> anyhow::Result<i32> {
    let path = layout.path(paths::CONTROL_SOCKET);
    let mut socket = UnixStream::connect(&path)
        .with_context(|| format!("can't reach {}; is the agent running?", path.display()))?;
    socket.write_all(b"follow\n")?;
    let mut lines = BufReader::new(socket);
    let mut output = io::stdout().lock();
    let mut line = String::new();
    while lines.read_line(&mut line)? > 0 {
        output.write_all(line.as_bytes())?;
        output.flush()?;
        line.clear();
        if !follow {
            break;
        }
    }
    Ok(exit::COMPLETED)
}
