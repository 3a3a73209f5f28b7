//! What the hub does when nobody asks for it.

use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};

use tokio::time::Instant;

/// What is due, for one connection. The ticket says which of its doings is meant: one that is over by then is not
/// concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due {
    pub id: u64,
    pub ticket: u64,
    pub what: What,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// The challenge was not answered.
    ChallengeExpires,
    /// The older session did not give a sign of life in time.
    ProbeEnds,
    /// The newcomer was held for long enough.
    HoldEnds,
    /// The question was not answered.
    QuestionEnds,
    /// An agent did not prove its key to another.
    CheckEnds,
    /// A claim of the floor has held for long enough.
    ClaimEnds,
    /// An agent wants to be told something.
    Callback,
    /// A connection should have said who it is.
    Unidentified,
    /// Everybody is sent away.
    Maintenance,
    /// It is time to look at silent channels and old messages.
    Look,
}

/// All that is due, the next first.
#[derive(Default)]
pub struct Timers {
    queue: BinaryHeap<Reverse<(Instant, Due)>>,
    tickets: u64,
}

impl Timers {
    /// A ticket for something that is to be due.
    pub fn ticket(&mut self) -> u64 {
        self.tickets += 1;
        self.tickets
    }

    pub fn set(&mut self, after: Duration, due: Due) {
        self.queue.push(Reverse((Instant::now() + after, due)));
    }

    /// One kind of a connection's is not due any more; looks at all there are.
    pub fn drop_all(&mut self, id: u64, what: What) {
        let stays = |due: &Due| due.id != id || due.what != what;
        self.queue.retain(|Reverse((_, due))| stays(due));
    }

    #[cfg(test)]
    pub fn count(&self, what: What) -> usize {
        let all = self.queue.iter();
        all.filter(|Reverse((_, due))| due.what == what).count()
    }

    /// When the next is due.
    pub fn next(&self) -> Option<Instant> {
        self.queue.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes out one that has been due for so long.
    pub fn take(&mut self, since: Duration) -> Option<Due> {
        self.next().filter(|at| *at + since <= Instant::now())?;
        self.queue.pop().map(|Reverse((_, due))| due)
    }
}
