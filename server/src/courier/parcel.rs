//! What came of a batch, for the courier to deliver.

use std::{collections::HashMap, ops::Range, sync::Arc};

use crate::outbox::{Mailbox, Out, Outbox};

/// What is said, each once, and who hears it.
#[derive(Default)]
pub struct Outs {
    said: Vec<Out>,
    /// What all of it adds to the bytes that may wait for somebody who hears it.
    weight: usize,
    /// Connections, and which of it each hears.
    heard: Vec<(u64, usize)>,
}

impl Outs {
    /// With room for so much.
    pub fn with_capacity(said: usize, heard: usize) -> Self {
        Self {
            said: Vec::with_capacity(said),
            weight: 0,
            heard: Vec::with_capacity(heard),
        }
    }

    /// Says something to one connection.
    pub fn push(&mut self, id: u64, out: Out) {
        self.push_all([id], out);
    }

    /// Says something to several.
    pub fn push_all(&mut self, ids: impl IntoIterator<Item = u64>, out: Out) {
        let (place, before) = (self.said.len(), self.heard.len());
        self.heard.extend(ids.into_iter().map(|id| (id, place)));
        if self.heard.len() > before {
            self.weight += out.weight();
            self.said.push(out);
        }
    }

    /// The most that it adds to the bytes that may wait for one connection.
    pub fn weight(&self) -> usize {
        self.weight
    }

    /// How much is said, and heard.
    pub fn len(&self) -> (usize, usize) {
        (self.said.len(), self.heard.len())
    }

    pub fn is_empty(&self) -> bool {
        self.heard.is_empty()
    }

    pub fn clear(&mut self) {
        self.said.clear();
        self.weight = 0;
        self.heard.clear();
    }

    /// Puts together what each connection hears, in its order: connections, ascending, and where theirs is.
    pub fn by_connection(&mut self) -> impl Iterator<Item = (u64, Range<usize>)> {
        self.heard.sort_unstable();
        let mut end = 0;
        let own = self.heard.chunk_by(|one, next| one.0 == next.0);
        own.filter_map(move |own| {
            let start = end;
            end += own.len();
            Some((own.first()?.0, start..end))
        })
    }

    /// What is heard there.
    fn at(&self, range: Range<usize>) -> impl Iterator<Item = &Out> + Clone {
        let own = self.heard.get(range).into_iter().flatten();
        own.filter_map(|(_, place)| self.said.get(*place))
    }
}

/// What is said after a batch, and who ends with it.
#[derive(Default)]
pub struct Parcel {
    /// By connection.
    pub outs: Outs,
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
    /// Which part of what is heard.
    pub outs: Range<usize>,
    pub mailbox: Arc<Mailbox>,
}

impl Parcel {
    /// What is told there, in its order.
    pub fn told_at(&self, stop: &Stop) -> impl Iterator<Item = &Out> + Clone {
        self.outs.at(stop.outs.clone())
    }

    /// The place of the first that is told there, among all that is said.
    pub fn first(&self, stop: &Stop) -> Option<usize> {
        let heard = self.outs.heard.get(stop.outs.start);
        heard.map(|(_, place)| *place)
    }

    /// How often something is told.
    pub fn told(&self) -> usize {
        self.outs.heard.len()
    }

    /// The most that it adds to the bytes that may wait for one connection.
    pub fn most(&self) -> usize {
        let weight = |stop| self.told_at(stop).map(Out::weight).sum();
        self.stops.iter().map(weight).max().unwrap_or(0)
    }
}
