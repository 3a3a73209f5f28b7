//! When a crowd talks, reading is batched: it alternates with the work of the hub, in cycles.
//!
//! A frame that is read as soon as it comes costs a wake-up and a call of the system of its own. While the hub is
//! busy nobody is answered anyway: what comes meanwhile waits with the operating system, and is read in the next
//! cycle, all frames of a connection at once.

use std::{
    cell::Cell,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// A reader waits no longer than this for the next cycle, whatever the hub does.
const MOST: Duration = Duration::from_millis(50);

#[derive(Default)]
struct State {
    /// Whether reading is batched.
    crowd: bool,
    /// The number of the cycle.
    cycle: u64,
    /// Threads that have something to do.
    busy: usize,
    /// Whether somebody has read in this cycle…
    read: bool,
    /// …and nobody had anything left to do then.
    done: bool,
}

/// What the hub and the threads that read share.
pub struct ReadBatching {
    state: Mutex<State>,
    changed: Condvar,
    /// A reader waits no longer for the next cycle.
    most: Duration,
}

impl Default for ReadBatching {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            most: MOST,
        }
    }
}

thread_local! {
    /// The cycle in which this thread has read.
    static READ: Cell<u64> = const { Cell::new(0) };
    /// Whether it is counted among the busy ones.
    static BUSY: Cell<bool> = const { Cell::new(false) };
}

impl ReadBatching {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on, reading is batched, or no more.
    pub fn set_crowd(&self, crowd: bool) {
        let mut state = self.lock();
        if std::mem::replace(&mut state.crowd, crowd) && !crowd {
            self.changed.notify_all();
        }
    }

    /// Begins a cycle and lets the sessions read what is there: when this returns they have, or so much time has passed.
    pub fn read_cycle(&self, most: Duration) {
        let mut state = self.lock();
        state.cycle += 1;
        (state.read, state.done) = (false, false);
        self.changed.notify_all();
        let waits = |state: &mut State| state.crowd && !state.done;
        drop(self.changed.wait_timeout_while(state, most, waits));
    }

    /// A thread that reads has something to do.
    pub fn thread_unparked(&self) {
        if !BUSY.replace(true) {
            self.lock().busy += 1;
        }
    }

    /// A thread that reads has nothing left to do: it goes on once in each cycle.
    pub fn thread_parks(&self) {
        let mut state = self.lock();
        if BUSY.replace(false) {
            state.busy -= 1;
        }
        if !state.crowd {
            return;
        }
        let again = READ.get() == state.cycle;
        state.read |= again;
        if state.read && state.busy == 0 {
            state.done = true;
            self.changed.notify_all();
        }
        // While others are busy, one that has nothing to do can be woken to help.
        if again && state.busy == 0 {
            let waits = |state: &mut State| state.crowd && READ.get() == state.cycle;
            let waited = self.changed.wait_timeout_while(state, self.most, waits);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        READ.set(state.cycle);
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
    fn reading_thread_goes_on_once_in_each_cycle() {
        let read_batching = Arc::new(ReadBatching {
            most: LONG,
            ..ReadBatching::default()
        });
        read_batching.thread_parks();
        let (went, goes) = mpsc::channel();
        read_batching.set_crowd(true);
        let reader = thread::spawn({
            let read_batching = read_batching.clone();
            move || {
                for n in 1..=4 {
                    read_batching.thread_parks();
                    went.send(n).unwrap();
                }
            }
        });
        // Returns when the reader has come back, so that it has gone on in the cycle.
        read_batching.read_cycle(LONG);
        assert_eq!(goes.try_recv(), Ok(1));
        read_batching.read_cycle(LONG);
        assert_eq!(goes.try_recv(), Ok(2));
        assert!(goes.try_recv().is_err());
        read_batching.set_crowd(false);
        assert_eq!(goes.recv_timeout(LONG), Ok(3));
        assert_eq!(goes.recv_timeout(LONG), Ok(4));
        reader.join().unwrap();
    }

    #[test]
    fn cycle_ends_only_when_no_thread_is_busy() {
        let read_batching = Arc::new(ReadBatching::default());
        read_batching.set_crowd(true);
        read_batching.thread_unparked();
        let reader = thread::spawn({
            let read_batching = read_batching.clone();
            move || {
                while read_batching.lock().crowd {
                    read_batching.thread_parks();
                    read_batching.thread_unparked();
                }
            }
        });
        let hub = thread::spawn({
            let read_batching = read_batching.clone();
            move || read_batching.read_cycle(LONG)
        });
        while read_batching.lock().cycle == 0 || !read_batching.lock().read {
            thread::yield_now();
        }
        // The reader has read, and this thread has not.
        assert!(!read_batching.lock().done);
        read_batching.thread_parks();
        hub.join().unwrap();
        read_batching.set_crowd(false);
        reader.join().unwrap();
    }

    #[test]
    fn nobody_waits_longer_than_the_bound() {
        let read_batching = ReadBatching::default();
        read_batching.set_crowd(true);
        // Nobody reads.
        read_batching.read_cycle(Duration::from_millis(1));
        read_batching.thread_parks();
        // The hub has stopped.
        read_batching.thread_parks();
    }
}
