//! The whole way: manifest, operator, container, supervisor, runner, Claude Code, chat.

use std::time::{Duration, Instant};

use crate::{chat::Person, swarm::Swarm};

/// One agent from its manifest to its first message; then it is deleted. Gives the time that kubectl took,
/// and the time until the message was seen.
pub async fn round(swarm: &Swarm, person: &mut Person, round: usize) -> (Duration, Duration) {
    let name = format!("agent-{round}");
    let manifest = swarm.agentctl(&["run", &name, "[[greet]]", "--dry-run", "-o", "yaml"]);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), manifest).unwrap();
    let start = Instant::now();
    swarm.kubectl(&["apply", "-f", file.path().to_str().unwrap()]);
    let applied = start.elapsed();
    person.hear_all(&[&name], "Hello").await;
    let heard = start.elapsed();
    swarm.kubectl(&["delete", "agent", &name, "--timeout=60s"]);
    (applied, heard)
}
