//! Which messages are known, by their places in their channels' orders.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::inbound_message::InboundMessage;

/// All up to a place in a channel is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Floor {
    /// The channel.
    pub channel: String,
    /// Which order the place belongs to.
    pub epoch: String,
    /// The place.
    pub floor: u64,
}

/// What is known of one channel.
struct KnownOffsets {
    epoch: String,
    floor: u64,
    above: BTreeSet<u64>,
}

/// What is known. Places may come in any order: after a reconnection, what is said live can come before
/// what was missed.
#[derive(Default)]
pub struct KnownMessages {
    channels: HashMap<String, KnownOffsets>,
    /// Keys of messages without a place.
    loose: HashSet<String>,
}

impl KnownMessages {
    /// Whether a message is known.
    pub fn knows(&self, inbound: &InboundMessage) -> bool {
        let Some((epoch, offset)) = position(inbound) else {
            return self.loose.contains(&inbound.key());
        };
        self.channels.get(&inbound.to).is_some_and(|known| {
            known.epoch == epoch && (offset <= known.floor || known.above.contains(&offset))
        })
    }

    /// Makes a message known. A new order of its channel makes the old one forgotten.
    pub fn add(&mut self, inbound: &InboundMessage) {
        match position(inbound) {
            Some((epoch, offset)) => {
                self.of(&inbound.to, epoch).above.insert(offset);
            }
            None => {
                self.loose.insert(inbound.key());
            }
        }
    }

    /// A message is not kept any longer: in its order, all before it counts as known.
    pub fn forget(&mut self, inbound: &InboundMessage) {
        match position(inbound) {
            Some((epoch, floor)) => {
                let current = self
                    .channels
                    .get(&inbound.to)
                    .is_some_and(|k| k.epoch == epoch);
                if current {
                    let (channel, epoch) = (inbound.to.clone(), epoch.to_owned());
                    self.raise(Floor {
                        channel,
                        epoch,
                        floor,
                    });
                }
            }
            None => {
                self.loose.remove(&inbound.key());
            }
        }
    }

    /// Raises a channel's floor.
    pub fn raise(&mut self, floor: Floor) {
        let known = self.of(&floor.channel, &floor.epoch);
        known.floor = known.floor.max(floor.floor);
        known.above = known.above.split_off(&(known.floor + 1));
    }

    /// The floors there are.
    pub fn floors(&self) -> impl Iterator<Item = Floor> {
        let channels = self.channels.iter().filter(|(_, known)| known.floor > 0);
        channels.map(|(channel, known)| Floor {
            channel: channel.clone(),
            epoch: known.epoch.clone(),
            floor: known.floor,
        })
    }

    fn of(&mut self, channel: &str, epoch: &str) -> &mut KnownOffsets {
        let fresh = || KnownOffsets {
            epoch: epoch.to_owned(),
            floor: 0,
            above: BTreeSet::new(),
        };
        let known = self
            .channels
            .entry(channel.to_owned())
            .or_insert_with(fresh);
        if known.epoch != epoch {
            *known = fresh();
        }
        known
    }
}

fn position(inbound: &InboundMessage) -> Option<(&str, u64)> {
    Some((inbound.epoch.as_deref()?, inbound.offset?))
}
