//! What connections are told, once it is true.

use std::mem;

use serde_json::{Value, json};

use super::{Hub, peer::Stage};
use crate::{
    courier::{Parcel, Report, Stop},
    frame::now_ms,
    outbox::Out,
    wire::Encoded,
};

/// Room for what a batch says is made at once when the one before said as much, up to this.
const USUAL: usize = 16 * 1024;

impl Hub {
    /// Tells one connection, once the batch is durable.
    pub(super) fn tell(&mut self, id: u64, frame: &Value) {
        self.outs.push((id, Out::Text(Encoded::json(frame))));
    }

    /// Tells several; the frame is encoded once.
    pub(super) fn tell_all(&mut self, ids: impl IntoIterator<Item = u64>, frame: &Value) {
        let text = Encoded::json(frame);
        let outs = ids.into_iter().map(|id| (id, Out::Text(text.clone())));
        self.outs.extend(outs);
    }

    /// Closes a connection after what it is still to be told.
    pub(super) fn close(&mut self, id: u64, code: u16, reason: &'static str) {
        self.outs.push((id, Out::Close(code, reason)));
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
        let outs = Vec::with_capacity(self.outs.len().min(USUAL));
        let outs = mem::replace(&mut self.outs, outs);
        let leaving = mem::take(&mut self.leaving);
        let speakers = mem::take(&mut self.speakers);
        if outs.is_empty() && leaving.is_empty() {
            // What was on the way has come, or waits in an outbox.
            if self.courier.is_done() {
                self.coming.turn();
            }
            return Ok(());
        }
        // By connection, and what is for one stays in its order.
        let mut order: Vec<_> = outs
            .iter()
            .zip(0..)
            .map(|((id, _), at)| (*id, at))
            .collect();
        order.sort_unstable();
        let (mut stops, mut end) = (vec![], 0);
        for own in order.chunk_by(|one, next| one.0 == next.0) {
            let id = own[0].0;
            let outs = end..end + own.len();
            end = outs.end;
            let peer = self.peers.get(&id).map(|peer| &peer.outbox);
            if let Some(outbox) = peer.or_else(|| leaving.get(&id)) {
                self.counts.deliveries += own.len() as u64;
                let mailbox = outbox.mailbox().clone();
                stops.push(Stop { id, outs, mailbox });
            }
        }
        let order = order.into_iter().map(|(_, at)| at).collect();
        let parcel = Parcel {
            outs,
            order,
            stops,
            speakers,
            leaving,
        };
        self.courier.deliver(parcel, self.pace.crowd().is_some())?;
        self.coming.turn();
        Ok(())
    }

    /// Takes in what the courier came upon: who falls too far behind is cut off.
    pub(super) fn hear_courier(&mut self) {
        let Report { slow, drained, cut } = self.courier.reports().take();
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
