//! What came of a batch, for the courier to deliver.

use std::{collections::HashMap, ops::Range, sync::Arc};

use crate::outbox::{Mailbox, Out, Outbox};

/// What is said after a batch, and who ends with it.
#[derive(Default)]
pub struct Parcel {
    /// What is said, and to which connection.
    pub outs: Vec<(u64, Out)>,
    /// Places in it, by connection, each in its order.
    pub order: Vec<usize>,
    /// Who is told which of it, ascending by connection.
    pub stops: Vec<Stop>,
    /// Connections that spoke, and may wait to hear it: they come first.
    pub speakers: Vec<u64>,
    /// Connections that end: their last words are in here, or were in an earlier one.
    pub leaving: HashMap<u64, Outbox>,
}

/// A connection that is told something.
pub struct Stop {
    pub id: u64,
    /// Which part of the parcel's order.
    pub outs: Range<usize>,
    pub mailbox: Arc<Mailbox>,
}

impl Parcel {
    /// What is told there, in its order.
    pub fn told_at(&self, stop: &Stop) -> impl Iterator<Item = &Out> + Clone {
        let own = self.order.get(stop.outs.clone()).into_iter().flatten();
        own.filter_map(|place| self.outs.get(*place).map(|(_, out)| out))
    }

    /// The most that it adds to the bytes that may wait for one connection.
    pub fn most(&self) -> usize {
        let weight = |stop| self.told_at(stop).map(Out::weight).sum();
        self.stops.iter().map(weight).max().unwrap_or(0)
    }
}
