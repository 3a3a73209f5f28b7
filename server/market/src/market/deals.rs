//! Proposals: made, accepted, rejected, and what time does to them.

use agentchat_protocol::signing;

use super::{Market, ids};
use crate::{
    frame::Frame,
    host::{Actor, Host},
    record::{Kind, Proposal, Record, Status},
    refusal::{Code, Refusal},
    request::{Accept, Close, Propose},
};

impl Market {
    pub(super) fn propose(
        &mut self,
        now: i64,
        actor: &Actor,
        propose: Propose,
        host: &mut impl Host,
    ) -> Result<(), Refusal> {
        self.dealing(now, actor, &propose.signed(), &propose.sig)?;
        if propose.to == actor.id {
            return Err(Code::InvalidProposal.because("a proposal to oneself is none"));
        }
        if !host.is_online(&propose.to) {
            return Err(Code::AgentNotFound.because(format!("{} is not online", propose.to)));
        }
        let id = ids::id("prop", now, host)?;
        self.make_place(now, actor, &id)?;
        let proposal = Proposal {
            id,
            from: actor.id.clone(),
            to: propose.to,
            task: host.redact(&propose.task),
            amount: propose.amount,
            currency: propose.currency,
            payment_code: propose.payment_code,
            terms: propose.terms,
            capability: propose.capability,
            expires: propose.expires.map(|seconds| after(now, seconds)),
            status: Status::Pending,
            created_at: now,
            updated_at: now,
            sig: propose.sig.text,
            elo_stake: propose.elo_stake,
            acceptor_stake: 0,
            ended_by: None,
            ended_with: None,
        };
        self.state.put(Record::Proposal(Box::new(proposal.clone())));
        self.tell_both(&proposal, &proposal.to, &proposed(&proposal, now));
        self.announce_proposal(&proposal);
        Ok(())
    }

    /// Refuses what is over a bound; the oldest proposals that are over make place.
    fn make_place(&mut self, now: i64, actor: &Actor, id: &str) -> Result<(), Refusal> {
        let most = self.state.limits.open_per_agent;
        if self.state.open(&actor.id) >= most {
            let text = format!("{most} of your proposals are open; wait until some have ended");
            return Err(Code::RateLimited.because(text));
        }
        if self.state.proposals.contains_key(id) {
            return Err(Code::RateLimited.because("the id was given before; try again"));
        }
        if self.state.proposals.len() < self.state.limits.proposals {
            return Ok(());
        }
        let disputes = &self.state.disputes;
        let judged = |p: &Proposal| {
            let dispute = self.state.dispute_of.get(&p.id);
            dispute.is_some_and(|d| disputes.get(d).is_some_and(|d| d.is_open()))
        };
        let over = self.state.proposals.values();
        let over = over.filter(|p| !p.status.is_open() && !judged(p));
        let oldest = over.min_by_key(|p| p.updated_at).map(|p| p.id.clone());
        let Some(oldest) = oldest else {
            let text = "the server has all the open proposals that it can hold; try again later";
            return Err(Code::RateLimited.because(text));
        };
        self.remove_proposal(now, &oldest);
        Ok(())
    }

    pub(super) fn accept(
        &mut self,
        now: i64,
        actor: &Actor,
        accept: Accept,
    ) -> Result<(), Refusal> {
        let payment_code = accept.payment_code.as_deref();
        let text = signing::accept(&accept.proposal_id, payment_code, accept.elo_stake);
        self.dealing(now, actor, &text, &accept.sig)?;
        let Some(proposal) = self.state.proposals.get(&accept.proposal_id) else {
            return Err(Code::ProposalNotFound.because("there is no such proposal"));
        };
        let stake = accept.elo_stake.unwrap_or(0);
        self.covers(&proposal.from, proposal.elo_stake.unwrap_or(0))?;
        self.covers(&actor.id, stake)?;
        let mut proposal = self.pending(now, actor, &accept.proposal_id)?;
        proposal.status = Status::Accepted;
        proposal.updated_at = now;
        proposal.acceptor_stake = stake;
        self.state.put(Record::Proposal(Box::new(proposal.clone())));
        self.open_escrow(now, &proposal);
        let frame = answered("ACCEPT", &proposal, now)
            .with("payment_code", accept.payment_code)
            .with("sig", accept.sig.text)
            .with("proposer_stake", proposal.elo_stake)
            .with("acceptor_stake", stake);
        self.tell_both(&proposal, &proposal.from, &frame.json());
        self.announce_claim(&proposal);
        Ok(())
    }

    pub(super) fn reject(&mut self, now: i64, actor: &Actor, close: Close) -> Result<(), Refusal> {
        let text = signing::reject(&close.proposal_id, close.with.as_deref());
        self.dealing(now, actor, &text, &close.sig)?;
        let mut proposal = self.pending(now, actor, &close.proposal_id)?;
        proposal.status = Status::Rejected;
        proposal.updated_at = now;
        self.state.put(Record::Proposal(Box::new(proposal.clone())));
        let frame = answered("REJECT", &proposal, now)
            .with("reason", close.with)
            .with("sig", close.sig.text);
        self.tell_both(&proposal, &proposal.from, &frame.json());
        Ok(())
    }

    /// A proposal that the actor may answer.
    fn pending(&self, now: i64, actor: &Actor, id: &str) -> Result<Proposal, Refusal> {
        let refuse = |text: &str| Err(Code::InvalidProposal.because(text));
        let Some(proposal) = self.state.proposals.get(id) else {
            return refuse("PROPOSAL_NOT_FOUND");
        };
        let expired = proposal.expires.is_some_and(|at| at <= now);
        if proposal.status != Status::Pending || expired {
            return refuse("PROPOSAL_NOT_PENDING");
        }
        if proposal.to != actor.id {
            return refuse("NOT_PROPOSAL_RECIPIENT");
        }
        Ok(proposal.clone())
    }

    /// An accepted proposal of which the actor is a party.
    pub(super) fn accepted(&self, actor: &Actor, id: &str) -> Result<Proposal, Refusal> {
        let refuse = |text: &str| Err(Code::InvalidProposal.because(text));
        let Some(proposal) = self.state.proposals.get(id) else {
            return refuse("PROPOSAL_NOT_FOUND");
        };
        if proposal.status != Status::Accepted {
            return refuse("PROPOSAL_NOT_ACCEPTED");
        }
        if !proposal.is_party(&actor.id) {
            return refuse("NOT_PROPOSAL_PARTY");
        }
        Ok(proposal.clone())
    }

    /// Sends to both parties, to this one first.
    pub(super) fn tell_both(&mut self, proposal: &Proposal, first: &str, frame: &str) {
        self.state.send(first, frame);
        self.state.send(proposal.other(first), frame);
    }

    /// Ends what was not answered in time, and forgets what was kept for long enough.
    pub(super) fn proposal_due(&mut self, now: i64, id: &str) {
        let Some(proposal) = self.state.proposals.get(id) else {
            return;
        };
        if proposal.status != Status::Pending {
            self.remove_proposal(now, id);
            return;
        }
        let mut proposal = proposal.clone();
        proposal.status = Status::Expired;
        proposal.updated_at = now;
        self.state.put(Record::Proposal(Box::new(proposal)));
    }

    /// Forgets a proposal, and all that was about it; what was still staked is given back.
    fn remove_proposal(&mut self, now: i64, id: &str) {
        self.release_escrow(now, id);
        if let Some(dispute) = self.state.dispute_of.get(id).cloned() {
            self.state.remove(Kind::Dispute, &dispute);
        }
        self.state.remove(Kind::Proposal, id);
    }
}

/// The frame in which an answer to a proposal is told: what all answers have in common. `from` and `to` are the
/// proposal's.
pub(super) fn answered(type_: &str, proposal: &Proposal, now: i64) -> Frame {
    Frame::new(type_, now)
        .with("proposal_id", &proposal.id)
        .with("status", proposal.status.as_str())
        .with("updated_at", proposal.updated_at)
        .with("from", &proposal.from)
        .with("to", &proposal.to)
}

/// The frame in which a proposal is told. Clients that look for `proposal_id` find it besides `id`.
fn proposed(proposal: &Proposal, now: i64) -> String {
    Frame::new("PROPOSAL", now)
        .with("id", &proposal.id)
        .with("from", &proposal.from)
        .with("to", &proposal.to)
        .with("task", &proposal.task)
        .with("amount", proposal.amount)
        .with("currency", proposal.currency.as_deref())
        .with("payment_code", proposal.payment_code.as_deref())
        .with("terms", proposal.terms.as_deref())
        .with("expires", proposal.expires)
        .with("status", proposal.status.as_str())
        .with("created_at", proposal.created_at)
        .with("sig", &proposal.sig)
        .with("elo_stake", proposal.elo_stake)
        .with("proposal_id", &proposal.id)
        .json()
}

/// So many seconds from now, in milliseconds; the request bounds them.
#[expect(clippy::cast_possible_truncation, reason = "bounded far below 2^63")]
fn after(now: i64, seconds: f64) -> i64 {
    now.saturating_add((seconds * 1000.0).floor() as i64)
}
