//! Stakes: reserved when a deal is made, and given back or transferred at its end, always.

use super::Market;
use crate::{
    hook,
    record::{Escrow, EscrowStatus, Kind, Proposal, Record, Stake},
    refusal::{Code, Refusal},
};

impl Market {
    /// What an agent can still stake.
    pub(super) fn available(&self, agent: &str) -> i64 {
        let rating = self.state.elo_score(agent).rating;
        (rating - self.state.reserved(agent) - crate::elo::FLOOR).max(0)
    }

    pub(super) fn covers(&self, agent: &str, stake: i64) -> Result<(), Refusal> {
        let available = self.available(agent);
        if stake <= available {
            return Ok(());
        }
        let text = format!("{agent} can stake {available}, not {stake}");
        Err(Code::InsufficientReputation.because(text))
    }

    /// Reserves what both sides of an accepted proposal stake, if they do.
    pub(super) fn open_escrow(&mut self, now: i64, proposal: &Proposal) {
        let stakes = [proposal.elo_stake.unwrap_or(0), proposal.acceptor_stake];
        if stakes == [0, 0] {
            return;
        }
        let stake = |agent: &String, stake| Stake {
            agent_id: agent.clone(),
            stake,
        };
        let escrow = Escrow {
            proposal_id: proposal.id.clone(),
            created_at: now,
            from: stake(&proposal.from, stakes[0]),
            to: stake(&proposal.to, stakes[1]),
            status: EscrowStatus::Active,
            expires_at: proposal.expires,
            settled_at: None,
            settlement_reason: None,
        };
        self.hook(hook::created(proposal, &escrow, now));
        self.state.put(Record::Escrow(escrow));
    }

    /// Ends the reservation; says what was reserved.
    pub(crate) fn settle_escrow(&mut self, now: i64, id: &str, reason: &str) -> Option<Escrow> {
        let active = |e: &&Escrow| e.status == EscrowStatus::Active;
        let mut escrow = self.state.escrows.get(id).filter(active)?.clone();
        escrow.status = EscrowStatus::Settled;
        escrow.settled_at = Some(now);
        escrow.settlement_reason = Some(reason.to_owned());
        self.state.put(Record::Escrow(escrow.clone()));
        Some(escrow)
    }

    /// Forgets the escrow of a proposal that is forgotten; what was still reserved is free.
    pub(super) fn release_escrow(&mut self, now: i64, id: &str) {
        let Some(escrow) = self.state.escrows.get(id).cloned() else {
            return;
        };
        if escrow.status == EscrowStatus::Active {
            self.hook(hook::released(&escrow, now));
        }
        self.state.remove(Kind::Escrow, id);
    }

    pub(crate) fn hook(&mut self, json: String) {
        self.state.out.push(crate::effect::Effect::Hook(json));
    }
}
