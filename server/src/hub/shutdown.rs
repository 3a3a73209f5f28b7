//! What a server that stops tells its clients.

use serde_json::json;

use super::Hub;
use crate::{frame::make, outbox::OutboundFrame};

/// Clients come back within this, each at a time of its own.
const SPREAD_MS: u64 = 2000;
/// Before that, the next server is hardly there.
const FIRST_MS: u64 = 250;

impl Hub {
    /// Tells everybody when to come back. What they were to be told before is in their queues already.
    pub(super) fn say_goodbye(&mut self) -> anyhow::Result<()> {
        for id in self.peers.keys().copied().collect::<Vec<_>>() {
            let random = self.random_hex(4).unwrap_or_default();
            let random = u64::from_str_radix(&random, 16).unwrap_or(id);
            let after = FIRST_MS + random % SPREAD_MS;
            let text = json!({"reason": "the server is stopping", "reconnect_after_ms": after});
            self.tell(id, &make("SERVER_STOPPING", text));
            self.outbound
                .push(id, OutboundFrame::Close(1001, "server is stopping"));
        }
        self.deliver()
    }
}
