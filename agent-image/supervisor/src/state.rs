//! The state: one value, watched by followers and by the file.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use agentchat_contract::{Layout, State, paths};
use tokio::sync::watch;

use crate::files;

/// How often the heartbeat is renewed.
pub const HEARTBEAT: Duration = Duration::from_secs(10);

/// Milliseconds since the epoch.
pub fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Replaces `state.json`.
pub fn write(layout: &Layout, state: &State) {
    let path = layout.path(paths::STATE);
    let written = serde_json::to_vec(state)
        .map_err(std::io::Error::from)
        .and_then(|json| files::replace(&path, &json, false));
    if let Err(error) = written {
        tracing::warn!("can't write {}: {error}", path.display());
    }
}

/// Writes the state at each change and renews the heartbeat.
pub async fn keep(layout: Layout, state: watch::Sender<State>) {
    let mut changes = state.subscribe();
    let mut heartbeat = tokio::time::interval(HEARTBEAT);
    loop {
        tokio::select! {
            _ = heartbeat.tick() => state.send_modify(|state| state.heartbeat_at = now()),
            changed = changes.changed() => {
                if changed.is_err() {
                    return;
                }
                let state = changes.borrow_and_update().clone();
                write(&layout, &state);
            }
        }
    }
}
