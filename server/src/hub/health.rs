//! How the server is.

use std::time::Instant;

use serde_json::{Value, json};

use super::{Hub, peer::Peer};
use crate::frame::now_ms;

/// When the hub began.
pub struct Began {
    at: Instant,
    ms: i64,
}

impl Began {
    pub fn now() -> Self {
        Self {
            at: Instant::now(),
            ms: now_ms(),
        }
    }
}

impl Hub {
    /// The answer to `GET /health`. That there is one says that the hub works.
    pub(super) fn health(&self) -> Value {
        let agents: Vec<_> = self.peers.values().filter_map(Peer::agent).collect();
        let with_identity = agents.iter().filter(|agent| agent.keyed).count();
        let channels = self.rooms.len();
        json!({
            "status": "healthy",
            "server": self.args.name,
            "version": env!("CARGO_PKG_VERSION"),
            "uptime_seconds": self.began.at.elapsed().as_secs(),
            "started_at": iso(self.began.ms),
            "agents": {"connected": agents.len(), "with_identity": with_identity},
            "channels": {"total": channels, "public": channels},
            "proposals": {"total": 0, "byStatus": {}, "agents": 0},
            "timestamp": iso(now_ms()),
        })
    }
}

fn iso(ms: i64) -> Option<String> {
    let time = jiff::Timestamp::from_millisecond(ms).ok()?;
    Some(format!("{time:.3}"))
}
