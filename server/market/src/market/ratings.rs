//! Ratings, as deals change them.

use agentchat_protocol::json::Object;

use super::Market;
use crate::{
    elo::{self, FLOOR},
    record::{Escrow, Kind, Pair, Proposal, Rating, Record},
};

/// A change of one rating.
pub struct Change {
    pub old: i64,
    /// With the floor.
    pub new: i64,
    /// Without it.
    pub change: i64,
    pub transactions: u64,
}

impl Change {
    fn shown(&self) -> Object {
        Object::new()
            .with("oldRating", self.old)
            .with("newRating", self.new)
            .with("change", self.change)
            .with(
                "transactions",
                i64::try_from(self.transactions).unwrap_or(i64::MAX),
            )
    }
}

impl Market {
    /// Rates a completion, unless the pair had one just before or there is no place for another rating. Both gain.
    pub(super) fn rate_completion(
        &mut self,
        now: i64,
        proposal: &Proposal,
        escrow: Option<&Escrow>,
    ) -> Option<Object> {
        let (from, to) = (&proposal.from, &proposal.to);
        if !self.can_rate(&[from, to]) {
            return None;
        }
        let count = self.count_completion(now, from, to)?;
        let (own, other) = (self.state.elo_score(from), self.state.elo_score(to));
        let (gain, other_gain) = elo::completion(own, other, proposal.amount, count);
        let mut changes = Object::new();
        for (agent, gain) in [(from, gain), (to, other_gain)] {
            let change = self.change(now, agent, gain);
            changes.set(agent, change.shown());
        }
        if let Some(escrow) = escrow {
            changes.set("_escrow", stakes(escrow).with("settlement", "returned"));
        }
        Some(changes)
    }

    /// Counts a completion of a pair; none within the pause after the last one.
    fn count_completion(&mut self, now: i64, from: &str, to: &str) -> Option<u64> {
        let old = self.state.pairs.get(&Pair::id(from, to));
        if old.is_some_and(|pair| now - pair.last < self.state.limits.pair_pause) {
            return None;
        }
        let count = old.map_or(0, |pair| pair.count) + 1;
        if old.is_none() && self.state.pairs.len() >= self.state.limits.pairs {
            let oldest = self.state.pairs.iter().min_by_key(|(_, pair)| pair.last);
            if let Some(id) = oldest.map(|(id, _)| id.clone()) {
                self.state.remove(Kind::Pair, &id);
            }
        }
        self.state.put(Record::Pair(Pair {
            a: from.min(to).to_owned(),
            b: from.max(to).to_owned(),
            count,
            last: now,
        }));
        Some(count)
    }

    /// Rates a dispute that nobody judged: who files it wins, and takes the other's stake.
    pub(super) fn rate_contest(
        &mut self,
        now: i64,
        proposal: &Proposal,
        filer: &str,
        escrow: Option<&Escrow>,
    ) -> Option<Object> {
        let fault = proposal.other(filer);
        if !self.can_rate(&[filer, fault]) {
            return None;
        }
        let staked = escrow.map_or(0, |e| match e.from.agent_id == fault {
            true => e.from.stake,
            false => e.to.stake,
        });
        let scores = (self.state.elo_score(fault), self.state.elo_score(filer));
        let (loss, gain) = elo::dispute(scores.0, scores.1, proposal.amount);
        let mut changes = Object::new();
        for agent in [&proposal.from, &proposal.to] {
            let change = match agent == fault {
                true => -loss - staked,
                false => gain + staked,
            };
            let change = self.change(now, agent, change);
            changes.set(agent, change.shown());
        }
        let settled = escrow.map_or_else(no_stakes, stakes);
        let settled = settled
            .with("settlement", "transferred")
            .with("transferred_to", filer)
            .with("transferred_amount", staked);
        changes.set("_escrow", settled);
        Some(changes)
    }

    /// Whether there is place for the ratings of all of them.
    pub(crate) fn can_rate(&self, agents: &[&str]) -> bool {
        let unknown = |agent: &&&str| !self.state.ratings.contains_key(**agent);
        let new = agents.iter().filter(unknown).count();
        new == 0 || self.state.ratings.len() + new <= self.state.limits.ratings
    }

    /// Changes a rating, and counts a transaction.
    pub(crate) fn change(&mut self, now: i64, agent: &str, change: i64) -> Change {
        let old = self.state.elo_score(agent);
        let new = old.rating.saturating_add(change).max(FLOOR);
        let transactions = old.transactions.saturating_add(1);
        self.state.put(Record::Rating(Rating {
            agent: agent.to_owned(),
            rating: new,
            transactions,
            updated_at: Some(now),
        }));
        Change {
            old: old.rating,
            new,
            change,
            transactions,
        }
    }
}

fn stakes(escrow: &Escrow) -> Object {
    Object::new()
        .with("proposer_stake", escrow.from.stake)
        .with("acceptor_stake", escrow.to.stake)
}

fn no_stakes() -> Object {
    Object::new()
        .with("proposer_stake", 0_i64)
        .with("acceptor_stake", 0_i64)
}
