//! Disputes that nobody judges: who files one wins.

use agentchat_protocol::signing;

use super::{Market, completion::shown_stakes, deals::answered};
use crate::{
    hook,
    host::Actor,
    record::{Record, Status},
    refusal::Refusal,
    request::Contest,
};

impl Market {
    pub(super) fn contest(
        &mut self,
        now: i64,
        actor: &Actor,
        contest: Contest,
    ) -> Result<(), Refusal> {
        let text = signing::dispute(&contest.proposal_id, &contest.reason);
        self.dealing(now, actor, &text, &contest.sig)?;
        let mut proposal = self.accepted(actor, &contest.proposal_id)?;
        proposal.status = Status::Disputed;
        proposal.updated_at = now;
        proposal.ended_by = Some(actor.id.clone());
        proposal.ended_with = Some(contest.reason.clone());
        self.state.put(Record::Proposal(Box::new(proposal.clone())));
        let escrow = self.settle_escrow(now, &proposal.id, "disputed");
        let changes = self.rate_contest(now, &proposal, &actor.id, escrow.as_ref());
        if let Some(changes) = &changes {
            self.hook(hook::contested(&proposal, escrow.as_ref(), changes, now));
        }
        let frame = answered("DISPUTE", &proposal, now)
            .with("disputed_by", &actor.id)
            .with("disputed_at", now)
            .with("reason", contest.reason)
            .with("sig", contest.sig.text)
            .with("elo_stakes", shown_stakes(escrow.as_ref()))
            .with("rating_changes", changes);
        self.tell_both(&proposal, proposal.other(&actor.id), &frame.json());
        Ok(())
    }
}
