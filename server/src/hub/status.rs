//! How the server is: for people, for monitoring, for its operator.

use std::{fmt::Write, net::IpAddr, time::Instant};

use serde_json::{Map, Value, json};

use super::{Hub, admin::same, agent::Agent, peer::Peer};
use crate::frame::{iso, now_ms};

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

/// What has happened since the start.
#[derive(Default)]
pub struct Counts {
    pub frames: u64,
    pub refusals: u64,
    pub messages: u64,
    pub direct: u64,
    pub chunks: u64,
    pub deliveries: u64,
    pub slow: u64,
    pub too_fast: u64,
    pub wrong_keys: u64,
    pub batches: u64,
    pub failed_batches: u64,
    /// Refused because the disk is full.
    pub not_stored: u64,
}

impl Hub {
    fn identified(&self) -> impl Iterator<Item = &Agent> {
        self.peers.values().filter_map(|peer| peer.agent())
    }

    /// The answer to `GET /health`. That there is one says that the hub works.
    pub(super) fn health(&self) -> Value {
        let connected = self.identified().count();
        let keyed = self.identified().filter(|agent| agent.pubkey.is_some());
        let open = self.rooms.iter().filter(|room| !room.channel.invite_only);
        json!({
            "status": "healthy",
            "server": self.settings.name,
            "version": env!("CARGO_PKG_VERSION"),
            "uptime_seconds": self.began.at.elapsed().as_secs(),
            "started_at": iso(self.began.ms),
            "agents": {"connected": connected, "with_identity": keyed.count()},
            "channels": {"total": self.rooms.len(), "public": open.count()},
            "proposals": self.proposals(),
            "timestamp": iso(now_ms()),
        })
    }

    /// Why not everything works: the answer to `GET /readyz`.
    pub(super) fn unready(&self) -> Option<String> {
        let folder = self.settings.data_dir.display();
        let full = || format!("the disk of {folder} is full: nothing can be stored\n");
        self.disk.is_full().then(full)
    }

    fn proposals(&self) -> Value {
        let summary = self.market.summary();
        let by_status = summary.by_status.iter();
        let by_status: Map<String, Value> = by_status
            .map(|(status, count)| (status.as_str().to_owned(), (*count).into()))
            .collect();
        json!({"total": summary.total, "byStatus": by_status, "agents": summary.agents})
    }

    /// The answer to `GET /metrics`, in the text format of Prometheus.
    pub(super) fn metrics(&self) -> String {
        let counts = &self.counts;
        let waiting: usize = self.peers.values().map(|peer| peer.outbox.waiting()).sum();
        let gauge = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let rows = [
            ("uptime_seconds", "gauge", self.began.at.elapsed().as_secs()),
            ("connections", "gauge", gauge(self.peers.len())),
            ("agents", "gauge", gauge(self.agents.len())),
            ("channels", "gauge", gauge(self.rooms.len())),
            ("queued_bytes", "gauge", gauge(waiting)),
            ("frames_total", "counter", counts.frames),
            ("refusals_total", "counter", counts.refusals),
            ("messages_total", "counter", counts.messages),
            ("direct_messages_total", "counter", counts.direct),
            ("file_chunks_total", "counter", counts.chunks),
            ("deliveries_total", "counter", counts.deliveries),
            ("slow_consumers_total", "counter", counts.slow),
            ("rate_limit_closes_total", "counter", counts.too_fast),
            ("wrong_admin_keys_total", "counter", counts.wrong_keys),
            ("batches_total", "counter", counts.batches),
            ("failed_batches_total", "counter", counts.failed_batches),
            ("not_stored_total", "counter", counts.not_stored),
            ("disk_full", "gauge", self.disk.is_full().into()),
            (
                "disk_free_bytes",
                "gauge",
                self.disk.free().unwrap_or_default(),
            ),
        ];
        let mut text = String::new();
        for (name, kind, value) in rows {
            let row = format_args!("# TYPE agentchat_{name} {kind}\nagentchat_{name} {value}\n");
            if text.write_fmt(row).is_err() {
                break;
            }
        }
        text
    }

    /// The answer to `GET /api/connections`; none without the right key.
    pub(super) fn connections(&mut self, key: Option<&str>, from: IpAddr) -> Option<Value> {
        let right = self.settings.keys.admin.as_deref()?;
        if !self
            .guesses
            .may(from, now_ms(), self.settings.limits.guesses)
        {
            return None;
        }
        if !same(key?, right) {
            self.guesses.note(from, now_ms());
            self.counts.wrong_keys += 1;
            return None;
        }
        let entry = |peer: &Peer| {
            let agent = peer.agent()?;
            Some(
                json!({"agent_id": agent.id, "ip": peer.from.address.to_string(),
                "connected_at": peer.since, "user_agent": peer.from.user_agent}),
            )
        };
        let connections: Vec<_> = self.peers.values().filter_map(|peer| entry(peer)).collect();
        let count = connections.len();
        Some(json!({"connections": connections, "count": count}))
    }
}
