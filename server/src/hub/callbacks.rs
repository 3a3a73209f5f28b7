//! What agents want to be told later.

use std::{collections::HashMap, time::Duration};

use serde_json::json;

use super::{
    Hub,
    timers::{Due, What},
};
use crate::{
    callback::Callback,
    frame::{make, now_ms},
};

/// What waits, by ticket, and how much of it each connection has.
#[derive(Default)]
pub struct Callbacks {
    waiting: HashMap<u64, Callback>,
    tickets: HashMap<u64, Vec<u64>>,
}

impl Callbacks {
    /// A connection ended: it is told nothing more. Whether anything waited.
    fn drop_all(&mut self, id: u64) -> bool {
        let tickets = self.tickets.remove(&id).unwrap_or_default();
        for ticket in &tickets {
            self.waiting.remove(ticket);
        }
        !tickets.is_empty()
    }

    #[cfg(test)]
    pub fn count(&self) -> usize {
        assert_eq!(
            self.waiting.len(),
            self.tickets.values().map(Vec::len).sum::<usize>()
        );
        self.waiting.len()
    }

    fn take(&mut self, due: Due) -> Option<Callback> {
        let callback = self.waiting.remove(&due.ticket)?;
        if let Some(tickets) = self.tickets.get_mut(&due.id) {
            tickets.retain(|ticket| *ticket != due.ticket);
        }
        Some(callback)
    }
}

impl Hub {
    /// A connection ended: nothing is left of what it wanted to be told.
    pub(super) fn drop_callbacks(&mut self, id: u64) {
        if self.callbacks.drop_all(id) {
            self.timers.drop_all(id, What::Callback);
        }
    }

    /// Remembers what an agent is to be told; what is too much is forgotten, as the protocol has it.
    pub(super) fn schedule(&mut self, id: u64, callbacks: Vec<Callback>) {
        let limits = self.settings.limits;
        for callback in callbacks {
            let tickets = self.callbacks.tickets.entry(id).or_default();
            let full = self.callbacks.waiting.len() >= limits.all_callbacks;
            if full || tickets.len() >= limits.callbacks {
                return;
            }
            let ticket = self.timers.ticket();
            tickets.push(ticket);
            let due = Due {
                id,
                ticket,
                what: What::Callback,
            };
            self.timers
                .set(rounded(callback.delay, limits.callback_tick), due);
            self.callbacks.waiting.insert(ticket, callback);
        }
    }

    /// The time for a callback has come.
    pub(super) fn call_back(&mut self, due: Due) {
        let Some(callback) = self.callbacks.take(due) else {
            return;
        };
        let (Ok(agent), Ok(random)) = (self.agent(due.id), self.random_base36(6)) else {
            return;
        };
        let me = agent.at();
        if let Some(channel) = &callback.channel {
            let member = |room: usize| self.rooms[room].members.contains(&due.id);
            if !self.room(channel).is_ok_and(member) {
                return;
            }
        }
        let to = callback.channel.as_deref().unwrap_or(&me);
        let message = json!({"from": "@server", "from_name": "server", "to": to,
            "content": format!("@@cb-fire@@{}", callback.text),
            "cb_id": format!("cb_{}_{random}", now_ms()), "cb_origin": me});
        self.tell(due.id, &make("MSG", message));
    }
}

/// The next multiple of `tick`.
fn rounded(delay: Duration, tick: Duration) -> Duration {
    match u64::try_from(tick.as_millis()) {
        Ok(tick @ 1..) => {
            let ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX / 2);
            Duration::from_millis(ms.div_ceil(tick).saturating_mul(tick))
        }
        _ => delay,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_end_with_a_tick() {
        let ms = Duration::from_millis;
        assert_eq!(rounded(ms(1500), ms(1000)), ms(2000));
        assert_eq!(rounded(ms(2000), ms(1000)), ms(2000));
        assert_eq!(rounded(ms(0), ms(1000)), ms(0));
        assert_eq!(rounded(ms(1234), ms(0)), ms(1234));
    }
}
