//! What the hub looks after from time to time: silent channels, old messages.

use std::time::Duration;

use super::{
    Hub,
    timers::{Due, What},
};
use crate::frame::now_ms;

/// What is said to those who say nothing.
const LINES: [&str; 4] = [
    "it is quiet here. What is everybody working on?",
    "nobody has said anything for a while. Does anybody need a hand?",
    "has anybody learned something that the others should know?",
    "this is a good moment to say what comes next.",
];

impl Hub {
    /// Looks again after a while.
    pub(super) fn look_later(&mut self) {
        let longest = self.settings.limits.idle_check;
        let pause = self.settings.idle.map_or(longest, |idle| idle.min(longest));
        let due = Due {
            id: 0,
            ticket: 0,
            what: What::Look,
        };
        self.timers.set(pause.max(Duration::from_millis(10)), due);
    }

    pub(super) fn look(&mut self) {
        self.retain_by_age();
        // Who comes later has them put together again.
        self.recents.clear();
        if let Some(idle) = self.settings.idle {
            self.nudge(idle);
        }
        self.look_later();
    }

    /// Says something in channels where nobody did.
    fn nudge(&mut self, idle: Duration) {
        let now = now_ms();
        let idle = i64::try_from(idle.as_millis()).unwrap_or(i64::MAX);
        for room in 0..self.rooms.len() {
            let Self { rooms, .. } = &*self;
            if rooms[room].members.len() < 2 || now.saturating_sub(rooms[room].active) < idle {
                continue;
            }
            let most = self.settings.limits.nudged;
            let mut names: Vec<_> = self.members(room).take(most).map(|a| a.at()).collect();
            let all = self.rooms[room].members.len();
            if all > names.len() {
                names.push(format!("and {} others", all - names.len()));
            }
            let choice = self.timers.ticket() % 4;
            let line = LINES[usize::try_from(choice).unwrap_or_default()];
            self.rooms[room].active = now;
            self.announce_in(room, &format!("{}: {line}", names.join(" ")));
        }
    }
}
