//! Arbiters vote.

use agentchat_protocol::{json::utf16_len, signing};

use crate::{
    host::Actor,
    market::Market,
    record::{Phase, Record, Seat},
    refusal::{Code, Refusal},
    request::Vote,
};

impl Market {
    pub(crate) fn vote(&mut self, now: i64, actor: &Actor, vote: Vote) -> Result<(), Refusal> {
        let mut dispute = self.dispute(&vote.dispute_id)?.clone();
        let text = signing::arbiter_vote(&dispute.id, vote.verdict.as_str());
        self.signed(now, actor, &text, &vote.sig)?;
        let refuse = |text: &str| Err(Code::DisputeNotArbiter.because(text));
        if dispute.phase != Phase::Deliberation || now >= dispute.until {
            return refuse("votes are not taken now");
        }
        let slot = dispute.slot_mut(&actor.id);
        let Some(slot) = slot.filter(|slot| slot.seat == Seat::Accepted) else {
            return refuse("you do not judge this dispute, or have voted");
        };
        let most = self.state.limits.reasoning;
        if utf16_len(&vote.reasoning) > most {
            return refuse(&format!("reasoning is longer than {most} characters"));
        }
        slot.seat = Seat::Voted;
        slot.verdict = Some(vote.verdict);
        slot.reasoning = Some(vote.reasoning);
        if dispute.active().all(|slot| slot.seat == Seat::Voted) {
            self.resolve(now, dispute);
        } else {
            self.state.put(Record::Dispute(Box::new(dispute)));
        }
        Ok(())
    }
}
