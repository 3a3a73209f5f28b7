//! `agent-supervisor healthcheck`: the age of the heartbeat.

use agentchat_contract::{Layout, State, exit, paths};
use anyhow::{Context as _, ensure};

use crate::state::{HEARTBEAT, now};

/// Succeeds while the supervisor's heartbeat is young.
pub fn healthcheck(layout: &Layout) -> anyhow::Result<i32> {
    let path = layout.path(paths::STATE);
    let text = std::fs::read(&path).with_context(|| format!("can't read {}", path.display()))?;
    let state: State = serde_json::from_slice(&text).context("the state is not readable")?;
    let age = now() - state.heartbeat_at;
    ensure!(
        age < 4 * i64::try_from(HEARTBEAT.as_millis())?,
        "the last heartbeat is {age} ms old; restart the container"
    );
    Ok(exit::COMPLETED)
}
