//! What came of a batch, for the courier to deliver.

use std::{collections::HashMap, ops::Range, sync::Arc};

use rustc_hash::FxHashMap;

use crate::outbox::{Mailbox, Out, Outbox};

/// No more is said at once when it has so many bytes…
const BYTES: usize = 32 * 1024 * 1024;
/// …or is heard so often.
const HEARD: usize = 1024 * 1024;

/// What is said, each once, and who hears it.
#[derive(Default)]
pub struct Outs {
    said: Vec<Out>,
    /// Connections, and which of it each hears.
    heard: Vec<(u64, usize)>,
    /// What that which several hear adds to the bytes that may wait for one of them…
    shared: usize,
    /// …that which it alone hears to those of a connection, and the most of these.
    own: FxHashMap<u64, usize>,
    most: usize,
    /// Bytes of all that is said.
    bytes: usize,
}

impl Outs {
    /// With room for so much.
    pub fn with_capacity(said: usize, heard: usize) -> Self {
        Self {
            said: Vec::with_capacity(said),
            heard: Vec::with_capacity(heard),
            ..Self::default()
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
        let weight = out.weight();
        match self.heard.get(before..) {
            None | Some([]) => return,
            Some([(only, _)]) => {
                let own = self.own.entry(*only).or_default();
                *own += weight;
                self.most = self.most.max(*own);
            }
            Some(_) => self.shared += weight,
        }
        self.bytes += weight.max(out.size());
        self.said.push(out);
    }

    /// The most that it adds to the bytes that may wait for one connection.
    pub fn weight(&self) -> usize {
        self.shared + self.most
    }

    /// Whether it is enough for a parcel, where the weight is to stay below a bound.
    pub fn is_enough(&self, weight: usize) -> bool {
        self.weight() >= weight || self.bytes >= BYTES || self.heard.len() >= HEARD
    }

    /// How much is said, and heard.
    pub fn len(&self) -> (usize, usize) {
        (self.said.len(), self.heard.len())
    }

    pub fn is_empty(&self) -> bool {
        self.heard.is_empty()
    }

    pub fn clear(&mut self) {
        *self = Self::default();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Encoded;

    #[test]
    fn what_one_hears_is_weighed_and_not_what_all_do() {
        let word = |length: usize| Out::Text(Encoded::text(&"x".repeat(length)));
        let weight = |length: usize| word(length).weight();
        let mut outs = Outs::default();
        outs.push_all([1, 2, 3], word(10));
        for id in 1..=9 {
            outs.push(id, word(100));
        }
        assert_eq!(outs.weight(), weight(10) + weight(100));
        outs.push(5, word(7));
        outs.push_all([], word(1000));
        let most = weight(10) + weight(100) + weight(7);
        assert_eq!(outs.weight(), most);
        assert!(outs.is_enough(most) && !outs.is_enough(most + 1));
        outs.clear();
        assert!(!outs.is_enough(1));
    }

    #[test]
    fn all_together_is_bounded_too() {
        let mut outs = Outs::default();
        // History has no weight.
        let history = Out::Replay(vec![0; BYTES / 4].into());
        for id in 1..=4 {
            assert!(!outs.is_enough(1));
            outs.push(id, history.clone());
        }
        assert!(outs.is_enough(1));
        outs.clear();
        let everybody = 0..HEARD as u64 / 2;
        for _ in 0..2 {
            assert!(!outs.is_enough(1));
            outs.push_all(everybody.clone(), Out::More);
        }
        assert!(outs.is_enough(1));
    }
}
