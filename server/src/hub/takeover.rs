//! One identity, two connections: the newer wins.
//!
//! On a private server the first time at once, on a public one after a delay, as the protocol has it. Further times
//! within five minutes the newcomer is held for longer, as long as the older session gives signs of life, so that
//! two processes with one key don't replace each other without bound. A session that is dead or gone holds up nobody.

use std::{
    collections::{HashMap, hash_map::Entry},
    time::Duration,
};

use serde_json::json;
use tokio::time::Instant;

use super::{
    Hub,
    handshake::{Held, Proven, Stage},
    timers::{Due, What},
};
use crate::{
    frame::{Refusal, make},
    outbox::OutboundFrame,
};

/// How long the first held newcomer is held; doubled with each takeover.
const HOLD: Duration = Duration::from_secs(5);
/// The longest.
const LONGEST: Duration = Duration::from_secs(60);
/// After so long without a takeover, the next is the first again.
const FORGOTTEN: Duration = Duration::from_secs(300);
/// How long an older session has for a sign of life.
const PROBE: Duration = Duration::from_secs(2);
/// Identities that are remembered before the forgotten ones are looked for.
const REMEMBERED: usize = 1024;

/// Takeovers of late, by agent id: how many, and when the last was.
#[derive(Default)]
pub struct Takeovers(HashMap<String, (u32, Instant)>);

impl Takeovers {
    /// How long a newcomer is held.
    fn hold(&self, agent_id: &str, first: bool) -> Option<Duration> {
        let known = self.0.get(agent_id);
        let known = known.filter(|(_, last)| last.elapsed() < FORGOTTEN);
        // Which time this is, among those that are held.
        let time = known.map_or(0, |(count, _)| *count) + u32::from(first);
        let doubled = 1_u32.checked_shl(time.checked_sub(1)?);
        Some(
            HOLD.saturating_mul(doubled.unwrap_or(u32::MAX))
                .min(LONGEST),
        )
    }

    fn note(&mut self, agent_id: &str) {
        if self.0.len() >= REMEMBERED {
            self.0.retain(|_, (_, last)| last.elapsed() < FORGOTTEN);
        }
        match self.0.entry(agent_id.to_owned()) {
            Entry::Occupied(mut known) => {
                let (count, last) = known.get_mut();
                *count = if last.elapsed() < FORGOTTEN {
                    count.saturating_add(1).min(31)
                } else {
                    1
                };
                *last = Instant::now();
            }
            Entry::Vacant(new) => {
                new.insert((1, Instant::now()));
            }
        }
    }
}

impl Hub {
    /// A key was proven: its agent comes in, at once or when the older session has had its time.
    pub(super) fn claim(&mut self, id: u64, proven: Proven) -> Result<(), Refusal> {
        let Some(old) = self.online(&proven.agent_id) else {
            return self.admit(id, proven);
        };
        let Some(hold) = self.takeovers.hold(&proven.agent_id, self.settings.public) else {
            return self.take_over(id, proven);
        };
        // Of several that wait, the newest does.
        if let Some(waiting) = self.waiting_for(&proven.agent_id) {
            self.displace(waiting);
        }
        let ticket = self.timers.ticket();
        let due = |what| Due { id, ticket, what };
        self.timers.set(PROBE, due(What::ProbeEnds));
        self.timers.set(hold, due(What::HoldEnds));
        self.outbound.push(old, OutboundFrame::Probe);
        if let Some(peer) = self.peers.get_mut(&id) {
            self.held += 1;
            peer.stage = Stage::Held(Held {
                proven,
                ticket,
                alive: false,
            });
        }
        Ok(())
    }

    /// The newcomer comes in, and the older session ends.
    fn take_over(&mut self, id: u64, proven: Proven) -> Result<(), Refusal> {
        self.replace(&proven.agent_id);
        self.admit(id, proven)
    }

    /// Ends the session of an agent whose next session is about to begin.
    pub(super) fn replace(&mut self, agent_id: &str) {
        // Whoever waits to succeed it comes in as it ends, and is replaced in turn.
        while let Some(old) = self.online(agent_id) {
            self.takeovers.note(agent_id);
            self.displace(old);
        }
    }

    fn displace(&mut self, old: u64) {
        let reason = "Another connection proved this identity";
        let frame = json!({"reason": reason, "new_ip": "hidden"});
        self.tell(old, &make("SESSION_DISPLACED", frame));
        self.close(old, 1000, "Identity claimed by verified connection");
    }

    /// The connection that is held for an agent.
    fn waiting_for(&self, agent_id: &str) -> Option<u64> {
        if self.held == 0 {
            return None;
        }
        let mut peers = self.peers.iter();
        let found = peers.find(
            |(_, peer)| matches!(&peer.stage, Stage::Held(h) if h.proven.agent_id == agent_id),
        );
        found.map(|(id, _)| *id)
    }

    /// A session gave a sign of life.
    pub(super) fn alive(&mut self, id: u64) {
        let Ok(agent) = self.agent(id) else {
            return;
        };
        let waiting = self.waiting_for(&agent.id);
        if let Some(peer) = waiting.and_then(|id| self.peers.get_mut(&id))
            && let Stage::Held(held) = &mut peer.stage
        {
            held.alive = true;
        }
    }

    /// The older session had its time for a sign of life.
    pub(super) fn probed(&mut self, due: Due) {
        let peer = self.peers.get(&due.id);
        if peer.is_some_and(
            |p| matches!(&p.stage, Stage::Held(h) if h.ticket == due.ticket && !h.alive),
        ) {
            self.release(due.id);
        }
    }

    /// The newcomer was held for long enough.
    pub(super) fn hold_ends(&mut self, due: Due) {
        let peer = self.peers.get(&due.id);
        if peer.is_some_and(|p| matches!(&p.stage, Stage::Held(h) if h.ticket == due.ticket)) {
            self.release(due.id);
        }
    }

    /// A session ended: whoever waits for that comes in.
    pub(super) fn successor(&mut self, agent_id: &str) {
        if let Some(id) = self.waiting_for(agent_id) {
            self.release(id);
        }
    }

    fn release(&mut self, id: u64) {
        let Some(peer) = self.peers.get_mut(&id) else {
            return;
        };
        match std::mem::replace(&mut peer.stage, Stage::Open) {
            Stage::Held(held) => {
                self.held -= 1;
                let entered = self.take_over(id, held.proven);
                self.answer(id, entered);
            }
            stage => peer.stage = stage,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_doubles_with_each_takeover() {
        let mut takeovers = Takeovers::default();
        let mut holds = vec![];
        for _ in 0..6 {
            let seconds = |first| takeovers.hold("a", first).map(|hold| hold.as_secs());
            holds.push((seconds(false), seconds(true)));
            takeovers.note("a");
        }
        let private = [None, Some(5), Some(10), Some(20), Some(40), Some(60)];
        let public = [5, 10, 20, 40, 60, 60].map(Some);
        assert_eq!(holds, private.into_iter().zip(public).collect::<Vec<_>>());
        assert_eq!(takeovers.hold("b", false), None);
    }
}
