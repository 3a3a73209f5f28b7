//! From agent to agent: direct messages and chunks of files.
//!
//! With gates, the sender has proved a key and is no newcomer, the receiver is addressed by its id alone and has
//! consented, and nobody is flooded: more than a minute's share is refused, and so is what would push a slow
//! receiver off its connection.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::{Hub, agent::Consent, allowance::Act, outbound_message::OutboundMessage};
use crate::{
    frame::{self, Refusal, invalid, make, now_ms, text},
    outbox::OutboundFrame,
    settings::Mode,
};

/// A minute, in which messages from one to another are counted.
const MINUTE_MS: i64 = 60_000;
/// Pairs that are remembered before the old ones are looked for.
const REMEMBERED: usize = 4096;

/// Who wrote to whom of late: since when, and how often.
#[derive(Default)]
pub struct Pairs(HashMap<(String, String), (i64, u32)>);

impl Pairs {
    /// Counts a message; false when there were too many in this minute.
    fn count(&mut self, from: &str, to: &str, now: i64, most: u32) -> bool {
        if self.0.len() >= REMEMBERED && self.0.len().is_power_of_two() {
            self.0.retain(|_, (since, _)| now - *since < MINUTE_MS);
        }
        let pair = (from.to_owned(), to.to_owned());
        let (since, count) = self.0.entry(pair).or_insert((now, 0));
        if now - *since >= MINUTE_MS {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        *count <= most
    }

    /// Whether one wrote to another within the last minutes.
    fn wrote(&self, from: &str, to: &str) -> bool {
        self.0.contains_key(&(from.to_owned(), to.to_owned()))
    }
}

/// Bytes of chunks that are on the way to each connection and may not wait in its outbox yet: of this batch, and
/// of the last one that the fan-out was given. What it has besides is little, see [`crate::fanout::kept`].
#[derive(Default)]
pub struct Coming([HashMap<u64, usize>; 2]);

impl Coming {
    /// The fan-out has this batch.
    pub fn next_batch(&mut self) {
        self.0.swap(0, 1);
        self.0[0].clear();
    }

    fn add(&mut self, to: u64, bytes: usize) {
        *self.0[0].entry(to).or_default() += bytes;
    }

    fn to(&self, to: u64) -> usize {
        self.0.iter().filter_map(|batch| batch.get(&to)).sum()
    }
}

impl Hub {
    /// Sends a direct message; the sender hears it too.
    pub(super) fn direct(
        &mut self,
        id: u64,
        target: &str,
        message: OutboundMessage<'_>,
    ) -> Result<(), Refusal> {
        let to = match self.settings.direct {
            Mode::Off => return Err(invalid("direct messages are switched off on this server")),
            Mode::Gated => self.present(target)?.0,
            Mode::Upstream => match self.present(target) {
                Ok((to, _)) => to,
                Err(absent) => self.named(target).ok_or(absent)?,
            },
        };
        let age = i64::try_from(self.settings.direct_age.as_millis()).unwrap_or(i64::MAX);
        if self
            .peers
            .get(&id)
            .is_some_and(|peer| now_ms() - peer.since < age)
        {
            let text = format!("a connection sends direct messages after {age} ms");
            return Err(("DM_AGE_GATE", text));
        }
        if self.settings.direct == Mode::Gated {
            self.gate(id, to)?;
        }
        let at = self.agent(to)?.at();
        let message = OutboundMessage { to: &at, ..message };
        self.note_message("dm_send", &message);
        let frame = message.frame();
        self.counts.direct += 1;
        self.outbound.push_all([to, id], OutboundFrame::Text(frame));
        Ok(())
    }

    pub(super) fn chunk(&mut self, id: u64, fields: &Map<String, Value>) -> Result<(), Refusal> {
        if text(fields, "to")?.starts_with('#') {
            return Err(invalid(
                "FILE_CHUNK takes DM targets only: to must be @ and an agent id",
            ));
        }
        let target = frame::agent(fields, "to")?;
        let content = frame::content(fields, self.settings.limits.content)?;
        if self.settings.files == Mode::Off {
            return Err(invalid("file transfer is switched off on this server"));
        }
        self.agent(id)?;
        if self.settings.files == Mode::Gated {
            self.speaker(id)?;
        }
        self.in_time(id, Act::Chunk)?;
        let (to, _) = self.present(target)?;
        if self.settings.files == Mode::Gated {
            self.consents(id, to)?;
            let queue = self.settings.limits.queue_bytes / 2;
            let waiting = self.peers.get(&to).map_or(0, |peer| peer.outbox.waiting());
            if waiting + self.coming.to(to) + content.len() > queue {
                let text = format!("@{target} has not read yet what waits for it; try again");
                return Err(("RATE_LIMITED", text));
            }
        }
        let chunk = json!({"from": self.agent(id)?.at(), "to": format!("@{target}"),
            "content": content});
        self.counts.chunks += 1;
        self.coming.add(to, content.len());
        self.tell(to, &make("FILE_CHUNK", chunk));
        Ok(())
    }

    /// What a direct message has to pass where there are gates.
    fn gate(&mut self, id: u64, to: u64) -> Result<(), Refusal> {
        self.consents(id, to)?;
        let (from, to) = (self.agent(id)?.id.clone(), self.agent(to)?.id.clone());
        let limits = &self.settings.limits;
        let counted = self.pairs.count(&from, &to, now_ms(), limits.direct);
        if !counted && limits.message_ms > 0 {
            let text = format!("{} direct messages a minute to one agent", limits.direct);
            return Err(("RATE_LIMITED", text));
        }
        Ok(())
    }

    /// Whether a receiver takes something from a sender.
    fn consents(&self, id: u64, to: u64) -> Result<(), Refusal> {
        let (from, to) = (self.agent(id)?, self.agent(to)?);
        if from.pubkey.is_none() {
            let text = "only agents that have proved a key write to others directly";
            return Err(("SIGNATURE_REQUIRED", text.to_owned()));
        }
        let takes = match to.consent {
            Consent::All => true,
            Consent::Verified => from.verified || self.pairs.wrote(&to.id, &from.id),
            Consent::Nobody => false,
        };
        let text = || format!("{} takes nothing from you directly", to.at());
        takes.then_some(()).ok_or_else(|| ("NOT_ALLOWED", text()))
    }

    /// The first connection whose agent has a name.
    fn named(&self, name: &str) -> Option<u64> {
        let named = |peer: &super::peer::Peer| peer.agent().is_some_and(|agent| agent.name == name);
        self.peers
            .iter()
            .filter(|(_, peer)| named(peer))
            .map(|(id, _)| *id)
            .min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_on_the_way_counts_for_two_batches() {
        let mut coming = Coming::default();
        coming.add(1, 5);
        coming.add(1, 5);
        coming.next_batch();
        coming.add(1, 1);
        coming.add(2, 7);
        assert_eq!((coming.to(1), coming.to(2), coming.to(3)), (11, 7, 0));
        coming.next_batch();
        assert_eq!(coming.to(1), 1);
        coming.next_batch();
        assert_eq!(coming.to(1), 0);
    }

    #[test]
    fn messages_count_by_pair_and_minute() {
        let mut pairs = Pairs::default();
        let mut count = |from, to, now| pairs.count(from, to, now, 2);
        assert!(count("a", "b", 0) && count("a", "b", 1) && !count("a", "b", 2));
        assert!(count("a", "c", 2) && count("b", "a", 2));
        assert!(count("a", "b", MINUTE_MS));
        assert!(pairs.wrote("b", "a") && !pairs.wrote("c", "a"));
        for n in 0..100_000 {
            pairs.count("a", &n.to_string(), n * 1000, 2);
        }
        assert!(pairs.0.len() <= 2 * REMEMBERED, "{}", pairs.0.len());
    }
}
