//! When a crowd talks, reading and the hub take turns.
//!
//! A frame that is read as soon as it comes costs a wake-up and a call of the system of its own. While the hub is
//! busy nobody is answered anyway: what comes meanwhile waits with the operating system, and is read in the next
//! turn, all frames of a connection at once.

use std::{
    cell::Cell,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// A reader waits no longer than this for its turn, whatever the hub does.
const MOST: Duration = Duration::from_millis(50);

#[derive(Default)]
struct State {
    /// Whether turns are taken.
    crowd: bool,
    /// Which turn it is.
    turn: u64,
    /// Whether somebody has read all that was there in this turn.
    done: bool,
}

/// Whose turn it is.
#[derive(Default)]
pub struct Turns {
    state: Mutex<State>,
    changed: Condvar,
}

thread_local! {
    /// The turn in which this thread has read.
    static READ: Cell<u64> = const { Cell::new(0) };
}

impl Turns {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on, turns are taken, or no more.
    pub fn take(&self, crowd: bool) {
        let mut state = self.lock();
        if std::mem::replace(&mut state.crowd, crowd) && !crowd {
            self.changed.notify_all();
        }
    }

    /// Lets the sessions read what is there: when this returns they have, or so much time has passed.
    pub fn read(&self, most: Duration) {
        let mut state = self.lock();
        state.turn += 1;
        state.done = false;
        self.changed.notify_all();
        let waits = |state: &mut State| state.crowd && !state.done;
        drop(self.changed.wait_timeout_while(state, most, waits));
    }

    /// A thread that reads has nothing left to do: it goes on once in each turn.
    pub fn rest(&self) {
        let mut state = self.lock();
        if !state.crowd {
            return;
        }
        if READ.get() == state.turn {
            state.done = true;
            self.changed.notify_all();
            let waits = |state: &mut State| state.crowd && READ.get() == state.turn;
            let waited = self.changed.wait_timeout_while(state, MOST, waits);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        READ.set(state.turn);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, mpsc},
        thread,
    };

    use super::*;

    const LONG: Duration = Duration::from_secs(10);

    #[test]
    fn who_reads_goes_on_once_in_each_turn() {
        let turns = Arc::new(Turns::default());
        turns.rest();
        let (went, goes) = mpsc::channel();
        turns.take(true);
        let reader = thread::spawn({
            let turns = turns.clone();
            move || {
                for n in 1..=4 {
                    turns.rest();
                    went.send(n).unwrap();
                }
            }
        });
        // Returns when the reader has come back, so that it has gone on in the turn.
        turns.read(LONG);
        assert_eq!(goes.try_recv(), Ok(1));
        turns.read(LONG);
        assert_eq!(goes.try_recv(), Ok(2));
        assert!(goes.try_recv().is_err());
        turns.take(false);
        assert_eq!(goes.recv_timeout(LONG), Ok(3));
        assert_eq!(goes.recv_timeout(LONG), Ok(4));
        reader.join().unwrap();
    }

    #[test]
    fn nobody_waits_for_ever() {
        let turns = Turns::default();
        turns.take(true);
        // Nobody reads.
        turns.read(Duration::from_millis(1));
        turns.rest();
        // The hub has stopped.
        turns.rest();
    }
}
