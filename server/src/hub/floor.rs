//! Who answers a message: the floor. Advice only, nobody is kept from speaking.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value, json};

use super::{
    Hub,
    timers::{Due, What},
};
use crate::frame::{self, Refusal, invalid, longer, make, text};

/// A message of a room.
type FloorKey = (usize, String);

/// Who has the floor for a message.
struct Claim {
    id: u64,
    /// Agent, with `@`.
    holder: String,
    started: f64,
    started_at: Value,
    ticket: u64,
}

/// All claims.
#[derive(Default)]
pub struct Floor {
    claims: HashMap<FloorKey, Claim>,
    /// What each connection holds.
    held: HashMap<u64, HashSet<FloorKey>>,
}

impl Floor {
    fn release(&mut self, key: &FloorKey) -> Option<Claim> {
        let claim = self.claims.remove(key)?;
        if let Some(held) = self.held.get_mut(&claim.id) {
            held.remove(key);
            if held.is_empty() {
                self.held.remove(&claim.id);
            }
        }
        Some(claim)
    }

    #[cfg(any(test, feature = "fuzzing"))]
    pub fn holders(&self) -> impl Iterator<Item = u64> {
        assert_eq!(
            self.claims.len(),
            self.held.values().map(HashSet::len).sum::<usize>()
        );
        self.held.keys().copied()
    }

    /// A connection ended, or said something in a room: its claims end, there or everywhere.
    pub fn release_all(&mut self, id: u64, room: Option<usize>) {
        if self.held.is_empty() {
            return;
        }
        let held = self.held.get(&id).into_iter().flatten();
        let held: Vec<_> = held
            .filter(|key| room.is_none_or(|room| key.0 == room))
            .cloned()
            .collect();
        for key in held {
            self.release(&key);
        }
    }
}

impl Hub {
    pub(super) fn responding(
        &mut self,
        id: u64,
        fields: &Map<String, Value>,
    ) -> Result<(), Refusal> {
        let (msg_id, channel) = (text(fields, "msg_id")?, frame::channel(fields)?);
        let (started_at, started) = frame::number(fields, "started_at")?;
        let most = self.settings.limits.field;
        if longer(msg_id, most) {
            return Err(invalid(&format!("msg_id is longer than {most} characters")));
        }
        let Ok(agent) = self.agent(id) else {
            return Ok(());
        };
        let (me, my_name) = (agent.at(), agent.name.clone());
        let Ok(room) = self.visible(id, channel) else {
            return Ok(());
        };
        let key = (room, msg_id.to_owned());
        let yielded = |holder: &str, started_at: &Value, reason: &str| {
            make(
                "YIELD",
                json!({"msg_id": msg_id, "channel": channel, "holder": holder,
                    "holder_started_at": started_at, "reason": reason}),
            )
        };
        let claimed_already = self.floor.claims.get(&key);
        if let Some(claim) = claimed_already
            && !(started < claim.started || started == claim.started && me < claim.holder)
        {
            let reason = "another agent has the floor";
            let frame = yielded(&claim.holder, &claim.started_at, reason);
            self.tell(id, &frame);
            return Ok(());
        }
        let mine = self.floor.held.get(&id).map_or(0, HashSet::len);
        if mine >= self.settings.limits.claims {
            let text = format!("you hold {mine} claims; they end as you answer");
            return Err(("RATE_LIMITED", text));
        }
        if let Some(displaced) = self.floor.release(&key)
            && displaced.id != id
        {
            let frame = yielded(&me, started_at, "an earlier claim has the floor");
            self.tell(displaced.id, &frame);
        }
        let ticket = self.timers.ticket();
        let due = Due {
            id,
            ticket,
            what: What::ClaimEnds,
        };
        self.timers.set(self.settings.limits.claim, due);
        let claimed = json!({"msg_id": msg_id, "channel": channel, "holder": me,
            "holder_name": my_name, "started_at": started_at});
        self.floor.held.entry(id).or_default().insert(key.clone());
        self.floor.claims.insert(
            key,
            Claim {
                id,
                holder: me,
                started,
                started_at: started_at.clone(),
                ticket,
            },
        );
        self.publish(room, &make("FLOOR_CLAIMED", claimed), Some(id));
        Ok(())
    }

    /// An agent has answered: its claims in that room end.
    pub(super) fn yield_floor(&mut self, id: u64, room: usize) {
        self.floor.release_all(id, Some(room));
    }

    /// A claim has held for as long as claims do.
    pub(super) fn claim_ends(&mut self, due: Due) {
        let held = self.floor.held.get(&due.id).into_iter().flatten();
        let claims = &self.floor.claims;
        let is = |key: &&FloorKey| claims.get(*key).is_some_and(|c| c.ticket == due.ticket);
        if let Some(key) = held.clone().find(is).cloned() {
            self.floor.release(&key);
        }
    }
}
