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
    /// Threads that have something to do.
    busy: usize,
    /// Whether somebody has read in this turn…
    read: bool,
    /// …and nobody had anything left to do then.
    done: bool,
}

/// Whose turn it is.
pub struct Turns {
    state: Mutex<State>,
    changed: Condvar,
    /// A reader waits no longer for its turn.
    most: Duration,
}

impl Default for Turns {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            most: MOST,
        }
    }
}

thread_local! {
    /// The turn in which this thread has read.
    static READ: Cell<u64> = const { Cell::new(0) };
    /// Whether it is counted among the busy ones.
    static BUSY: Cell<bool> = const { Cell::new(false) };
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
        (state.read, state.done) = (false, false);
        self.changed.notify_all();
        let waits = |state: &mut State| state.crowd && !state.done;
        drop(self.changed.wait_timeout_while(state, most, waits));
    }

    /// A thread that reads has something to do.
    pub fn work(&self) {
        if !BUSY.replace(true) {
            self.lock().busy += 1;
        }
    }

    /// A thread that reads has nothing left to do: it goes on once in each turn.
    pub fn rest(&self) {
        let mut state = self.lock();
        if BUSY.replace(false) {
            state.busy -= 1;
        }
        if !state.crowd {
            return;
        }
        let again = READ.get() == state.turn;
        state.read |= again;
        if state.read && state.busy == 0 {
            state.done = true;
            self.changed.notify_all();
        }
        // While others are busy, one that has nothing to do can be woken to help.
        if again && state.busy == 0 {
            let waits = |state: &mut State| state.crowd && READ.get() == state.turn;
            let waited = self.changed.wait_timeout_while(state, self.most, waits);
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
        let turns = Arc::new(Turns {
            most: LONG,
            ..Turns::default()
        });
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
    fn all_who_are_busy_are_waited_for() {
        let turns = Arc::new(Turns::default());
        turns.take(true);
        turns.work();
        let reader = thread::spawn({
            let turns = turns.clone();
            move || {
                while turns.lock().crowd {
                    turns.rest();
                    turns.work();
                }
            }
        });
        let hub = thread::spawn({
            let turns = turns.clone();
            move || turns.read(LONG)
        });
        while turns.lock().turn == 0 || !turns.lock().read {
            thread::yield_now();
        }
        // The reader has read, and this thread has not.
        assert!(!turns.lock().done);
        turns.rest();
        hub.join().unwrap();
        turns.take(false);
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
