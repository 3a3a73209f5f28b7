//! When things are to happen, and how late they did.

use std::{rc::Rc, time::Duration};

use tokio::{task::yield_now, time::sleep_until};

use super::{member::Member, shared::Shared};

/// Between two looks at how late the generator is.
const LOOK: Duration = Duration::from_millis(5);

/// The most that is said without hearing.
const BURST: u64 = 64;

/// An open loop: senders take turns, at intended times on a fixed schedule.
pub async fn talk(shared: Rc<Shared>, senders: Vec<Rc<Member>>, per_second: f64) {
    let began = shared.clock.now_ns();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "nanoseconds of a run are exact in an f64"
    )]
    let intended = |turn: u64| began + (turn as f64 * 1e9 / per_second) as u64;
    for (turn, sender) in (0..).zip(senders.iter().cycle()) {
        let due = intended(turn);
        if due > shared.clock.now_ns() {
            sleep_until(shared.clock.at(due)).await;
        } else if turn.is_multiple_of(BURST) {
            // Behind, or several are due at once: hearing must go on.
            yield_now().await;
        }
        if shared.stopped() {
            return;
        }
        late(&shared, due);
        sender.say(due, &shared);
    }
}

/// A closed loop has no schedule; how late the generator is shows in a clock of its own.
pub async fn watch(shared: Rc<Shared>) {
    while !shared.stopped() {
        let due = shared.clock.now_ns() + u64::try_from(LOOK.as_nanos()).unwrap_or(0);
        sleep_until(shared.clock.at(due)).await;
        late(&shared, due);
    }
}

fn late(shared: &Shared, due: u64) {
    let late = shared.clock.now_ns().saturating_sub(due);
    shared.lag.borrow_mut().record(late);
}
