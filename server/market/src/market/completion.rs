//! Deals that are done.

use agentchat_protocol::{json::Object, signing};

use super::{Market, deals::answered};
use crate::{
    hook,
    host::Actor,
    record::{Escrow, Record, Status},
    refusal::{Code, Refusal},
    request::Close,
};

impl Market {
    pub(super) fn complete(
        &mut self,
        now: i64,
        actor: &Actor,
        close: Close,
    ) -> Result<(), Refusal> {
        let text = signing::complete(&close.proposal_id, close.with.as_deref());
        self.dealing(now, actor, &text, &close.sig)?;
        let least = self.state.limits.min_proposal_age;
        let known = self.state.proposals.get(&close.proposal_id);
        if known.is_some_and(|p| now - p.created_at < least) {
            let text = format!("a proposal can be completed {least} ms after it was made");
            return Err(Code::RateLimited.because(text));
        }
        let mut proposal = self.accepted(actor, &close.proposal_id)?;
        proposal.status = Status::Completed;
        proposal.updated_at = now;
        proposal.ended_by = Some(actor.id.clone());
        proposal.ended_with.clone_from(&close.with);
        self.state.put(Record::Proposal(Box::new(proposal.clone())));
        let escrow = self.settle_escrow(now, &proposal.id, "completed");
        let changes = self.rate_completion(now, &proposal, escrow.as_ref());
        if let Some(escrow) = &escrow {
            self.hook(hook::completed(&proposal, escrow, changes.as_ref(), now));
        }
        let frame = answered("COMPLETE", &proposal, now)
            .with("completed_by", &actor.id)
            .with("completed_at", now)
            .with("proof", close.with)
            .with("sig", close.sig.text)
            .with("elo_stakes", shown_stakes(escrow.as_ref()))
            .with("rating_changes", changes);
        self.tell_both(&proposal, proposal.other(&actor.id), &frame.json());
        Ok(())
    }
}

/// Both sides' stakes, as the end of a deal shows them.
pub(super) fn shown_stakes(escrow: Option<&Escrow>) -> Object {
    let (from, to) = escrow.map_or((0, 0), |e| (e.from.stake, e.to.stake));
    Object::new().with("proposer", from).with("acceptor", to)
}
