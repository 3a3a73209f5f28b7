//! What came of one of the hub's batches, for the fan-out to deliver.

use std::{collections::HashMap, ops::Range, sync::Arc};

use rustc_hash::FxHashMap;

use crate::outbox::{Mailbox, OutboundFrame, Outbox};

/// A batch is large enough when its frames have so many bytes…
const BYTES: usize = 32 * 1024 * 1024;
/// …or so many deliveries.
const DELIVERIES: usize = 1024 * 1024;

/// Frames, each once, and who gets which.
#[derive(Default)]
pub struct OutboundFrames {
    frames: Vec<OutboundFrame>,
    /// Connections, and the index of a frame that each gets.
    deliveries: Vec<(u64, usize)>,
    /// What the frames for several connections add to the bytes that may wait for one of them…
    shared: usize,
    /// …what those for one connection alone add to its bytes, and the most of these.
    own: FxHashMap<u64, usize>,
    most: usize,
    /// Bytes of all frames.
    bytes: usize,
}

impl OutboundFrames {
    /// With room for so much.
    pub fn with_capacity(frames: usize, deliveries: usize) -> Self {
        Self {
            frames: Vec::with_capacity(frames),
            deliveries: Vec::with_capacity(deliveries),
            ..Self::default()
        }
    }

    /// Adds a frame for one connection.
    pub fn push(&mut self, id: u64, out: OutboundFrame) {
        self.push_all([id], out);
    }

    /// Adds a frame for several.
    pub fn push_all(&mut self, ids: impl IntoIterator<Item = u64>, out: OutboundFrame) {
        let (index, before) = (self.frames.len(), self.deliveries.len());
        self.deliveries
            .extend(ids.into_iter().map(|id| (id, index)));
        let weight = out.weight();
        match self.deliveries.get(before..) {
            None | Some([]) => return,
            Some([(only, _)]) => {
                let own = self.own.entry(*only).or_default();
                *own += weight;
                self.most = self.most.max(*own);
            }
            Some(_) => self.shared += weight,
        }
        self.bytes += weight.max(out.size());
        self.frames.push(out);
    }

    /// The most that it adds to the bytes that may wait for one connection.
    pub fn weight(&self) -> usize {
        self.shared + self.most
    }

    /// Whether it is enough for one batch, where the weight is to stay below a bound.
    pub fn is_enough(&self, weight: usize) -> bool {
        self.weight() >= weight || self.bytes >= BYTES || self.deliveries.len() >= DELIVERIES
    }

    /// The number of frames, and of deliveries.
    pub fn len(&self) -> (usize, usize) {
        (self.frames.len(), self.deliveries.len())
    }

    pub fn is_empty(&self) -> bool {
        self.deliveries.is_empty()
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Sorts the deliveries by connection, each in its order: connections, ascending, and the range of theirs.
    pub fn by_connection(&mut self) -> impl Iterator<Item = (u64, Range<usize>)> {
        self.deliveries.sort_unstable();
        let mut end = 0;
        let own = self.deliveries.chunk_by(|one, next| one.0 == next.0);
        own.filter_map(move |own| {
            let start = end;
            end += own.len();
            Some((own.first()?.0, start..end))
        })
    }

    /// The frames of a range of deliveries.
    fn at(&self, range: Range<usize>) -> impl Iterator<Item = &OutboundFrame> + Clone {
        let own = self.deliveries.get(range).into_iter().flatten();
        own.filter_map(|(_, index)| self.frames.get(*index))
    }
}

/// What is sent after one of the hub's batches, and who ends with it.
#[derive(Default)]
pub struct OutboundBatch {
    /// By connection.
    pub frames: OutboundFrames,
    /// Who gets which of it, ascending by connection.
    pub recipients: Vec<Recipient>,
    /// Connections that sent something, and may wait for its echo: they come first.
    pub speakers: Vec<u64>,
    /// Connections that end: their last frames are in here, or were in an earlier one.
    pub leaving: HashMap<u64, Outbox>,
}

/// A connection that gets something.
pub struct Recipient {
    pub id: u64,
    /// The range of its deliveries.
    pub frames: Range<usize>,
    pub mailbox: Arc<Mailbox>,
}

impl OutboundBatch {
    /// What a recipient gets, in its order.
    pub fn frames_for(
        &self,
        recipient: &Recipient,
    ) -> impl Iterator<Item = &OutboundFrame> + Clone {
        self.frames.at(recipient.frames.clone())
    }

    /// The index of the first frame that a recipient gets, among all frames.
    pub fn first(&self, recipient: &Recipient) -> Option<usize> {
        let delivery = self.frames.deliveries.get(recipient.frames.start);
        delivery.map(|(_, index)| *index)
    }

    /// The number of deliveries.
    pub fn deliveries(&self) -> usize {
        self.frames.deliveries.len()
    }

    /// The most that it adds to the bytes that may wait for one connection.
    pub fn most(&self) -> usize {
        let weight = |recipient| self.frames_for(recipient).map(OutboundFrame::weight).sum();
        self.recipients.iter().map(weight).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Encoded;

    #[test]
    fn weight_of_a_batch_is_the_most_that_one_connection_gets_of_it() {
        let word = |length: usize| OutboundFrame::Text(Encoded::text(&"x".repeat(length)));
        let weight = |length: usize| word(length).weight();
        let mut frames = OutboundFrames::default();
        frames.push_all([1, 2, 3], word(10));
        for id in 1..=9 {
            frames.push(id, word(100));
        }
        assert_eq!(frames.weight(), weight(10) + weight(100));
        frames.push(5, word(7));
        frames.push_all([], word(1000));
        let most = weight(10) + weight(100) + weight(7);
        assert_eq!(frames.weight(), most);
        assert!(frames.is_enough(most) && !frames.is_enough(most + 1));
        frames.clear();
        assert!(!frames.is_enough(1));
    }

    #[test]
    fn bytes_and_deliveries_of_a_batch_are_bounded_too() {
        let mut frames = OutboundFrames::default();
        // History has no weight.
        let history = OutboundFrame::Replay(vec![0; BYTES / 4].into());
        for id in 1..=4 {
            assert!(!frames.is_enough(1));
            frames.push(id, history.clone());
        }
        assert!(frames.is_enough(1));
        frames.clear();
        let everybody = 0..DELIVERIES as u64 / 2;
        for _ in 0..2 {
            assert!(!frames.is_enough(1));
            frames.push_all(everybody.clone(), OutboundFrame::More);
        }
        assert!(frames.is_enough(1));
    }
}
