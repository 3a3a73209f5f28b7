//! Who judges: drawn from those who are online and have the rating for it, by a seed that nobody chose.

use std::collections::HashMap;

use agentchat_protocol::sha256_hex;

use crate::{
    elo::FLOOR,
    host::Host,
    market::Market,
    record::{Dispute, Phase, Seat},
};

/// Arbiters of a panel.
pub const PANEL: usize = 3;
/// The least rating of an arbiter.
const MIN_RATING: i64 = 1200;
/// The fewest rated deals of an arbiter.
const MIN_TRANSACTIONS: u64 = 10;
/// What an arbiter who does not vote loses.
pub const ARBITER_STAKE: i64 = 25;

/// Puts candidates into the order that a seed (hexadecimal) gives: Fisher–Yates with a chain of hashes, which anybody
/// who knows the seed can repeat.
#[must_use]
pub fn draw(seed: &str, mut candidates: Vec<String>) -> Vec<String> {
    let mut hash = seed.to_owned();
    for i in (1..candidates.len()).rev() {
        hash = sha256_hex(&hash);
        let number = hash
            .get(..8)
            .and_then(|h| usize::from_str_radix(h, 16).ok());
        candidates.swap(i, number.unwrap_or(0) % (i + 1));
    }
    candidates
}

impl Market {
    /// Who could judge a dispute now, in the order of connecting.
    pub(super) fn pool(&self, dispute: &Dispute, host: &impl Host) -> Vec<String> {
        let busy = self.panels();
        let most = self.state.limits.panels_per_arbiter;
        let fit = |agent: &str| {
            let score = self.state.elo_score(agent);
            score.rating >= MIN_RATING
                && score.transactions >= MIN_TRANSACTIONS
                && score.rating - ARBITER_STAKE >= FLOOR
                && busy.get(agent).is_none_or(|panels| *panels < most)
        };
        let used = |agent: &str| dispute.panel.iter().any(|slot| slot.agent == agent);
        let present = host.present().into_iter();
        let present = present.filter(|agent| agent.keyed && agent.available);
        present
            .map(|agent| agent.id)
            .filter(|agent| !dispute.is_party(agent) && !used(agent) && fit(agent))
            .collect()
    }

    /// On how many panels agents sit whose work is not done.
    fn panels(&self) -> HashMap<&str, usize> {
        let mut panels = HashMap::new();
        for dispute in self.state.disputes.values() {
            let sits = matches!(
                dispute.phase,
                Phase::ArbiterResponse | Phase::Evidence | Phase::Deliberation
            );
            for slot in dispute.panel.iter().filter(|_| sits) {
                if matches!(slot.seat, Seat::Pending | Seat::Accepted) {
                    *panels.entry(slot.agent.as_str()).or_default() += 1;
                }
            }
        }
        panels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_gives_the_order_that_anybody_computes() {
        let seed = sha256_hex(&format!("prop_1{}{}", "n".repeat(32), "0".repeat(32)));
        assert_eq!(
            seed,
            "545ad38516f6311a7f5a624ab60704ffa42ee1851ce4957844762e83c39f2f70"
        );
        let pool = (1..=5).map(|n| format!("@arb{n}")).collect();
        assert_eq!(
            draw(&seed, pool),
            ["@arb2", "@arb5", "@arb1", "@arb4", "@arb3"]
        );
    }
}
