//! What connections are told, once it is true.

use std::mem;

use serde_json::{Value, json};

use super::{Hub, handshake::Stage};
use crate::{
    fanout::{OutboundBatch, OutboundFrames, Recipient, Report},
    frame::now_ms,
    outbox::OutboundFrame,
    wire::Encoded,
};

/// Room for what a batch says is made at once when the one before said as much, up to this.
const USUAL: usize = 16 * 1024;

impl Hub {
    /// Tells one connection, once the batch is durable.
    pub(super) fn tell(&mut self, id: u64, frame: &Value) {
        self.outbound
            .push(id, OutboundFrame::Text(Encoded::json(frame)));
    }

    /// Tells several; the frame is encoded once.
    pub(super) fn tell_all(&mut self, ids: impl IntoIterator<Item = u64>, frame: &Value) {
        self.outbound
            .push_all(ids, OutboundFrame::Text(Encoded::json(frame)));
    }

    /// Closes a connection after what it is still to be told.
    pub(super) fn close(&mut self, id: u64, code: u16, reason: &'static str) {
        self.outbound.push(id, OutboundFrame::Close(code, reason));
        self.remove(id);
    }

    /// Forgets a connection, and tells the others.
    pub(super) fn remove(&mut self, id: u64) {
        let Some(peer) = self.peers.remove(&id) else {
            return;
        };
        self.release_address(peer.from.address);
        self.leaving.insert(id, peer.outbox);
        match peer.stage {
            Stage::Held(_) => self.held -= 1,
            Stage::In(agent) => {
                self.agents.remove(&agent.id);
                self.drop_callbacks(id);
                self.floor.release_all(id, None);
                self.drop_checks(id);
                self.audit("disconnect", json!({"connection": id, "agent": agent.id}));
                let window = self.settings.limits.window_ms;
                self.past
                    .keep(agent.id.clone(), peer.spent, now_ms(), window);
                let (at, rooms) = (agent.at(), peer.rooms.into_iter().collect());
                self.depart(id, at, agent.name, rooms);
                self.successor(&agent.id);
            }
            Stage::Open | Stage::Challenged(_) | Stage::Asked(_) => {}
        }
    }

    /// Hands over what is to be said.
    pub(super) fn deliver(&mut self) -> anyhow::Result<()> {
        let (frames, deliveries) = self.outbound.len();
        let next = OutboundFrames::with_capacity(frames.min(USUAL), deliveries.min(USUAL));
        let mut frames = mem::replace(&mut self.outbound, next);
        let leaving = mem::take(&mut self.leaving);
        let speakers = mem::take(&mut self.speakers);
        if frames.is_empty() && leaving.is_empty() {
            // What was on the way has come, or waits in an outbox.
            if self.fanout.is_done() {
                self.coming.next_batch();
            }
            return Ok(());
        }
        let mut recipients = vec![];
        for (id, frames) in frames.by_connection() {
            let peer = self.peers.get(&id).map(|peer| &peer.outbox);
            if let Some(outbox) = peer.or_else(|| leaving.get(&id)) {
                self.counts.deliveries += frames.len() as u64;
                let mailbox = outbox.mailbox().clone();
                recipients.push(Recipient {
                    id,
                    frames,
                    mailbox,
                });
            }
        }
        let batch = OutboundBatch {
            frames,
            recipients,
            speakers,
            leaving,
        };
        self.fanout
            .deliver(batch, self.batch_window.crowd().is_some())?;
        self.coming.next_batch();
        Ok(())
    }

    /// Takes in what the fan-out reported: who falls too far behind is cut off.
    pub(super) fn take_fanout_reports(&mut self) {
        let Report { slow, drained, cut } = self.fanout.reports().take();
        self.counts.slow += cut;
        for id in slow {
            self.remove(id);
            if let Some(outbox) = self.leaving.remove(&id) {
                tracing::info!(id, "a slow consumer is cut off");
                self.counts.slow += 1;
                outbox.cut(4008, "slow consumer");
            }
        }
        for id in drained {
            self.drained(id);
        }
    }
}
