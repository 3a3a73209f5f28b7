//! Arbiters answer: they accept, or decline and are replaced.

use agentchat_protocol::signing;

use super::filing::{assigned, seat};
use crate::{
    host::{Actor, Host},
    market::{Market, gate},
    record::{Dispute, Phase, Record, Seat},
    refusal::{Code, Refusal},
    request::{Decline, Judge},
};

impl Market {
    /// The dispute with this id.
    pub(super) fn dispute(&self, id: &str) -> Result<&Dispute, Refusal> {
        let dispute = self.state.disputes.get(id);
        dispute.ok_or_else(|| Code::DisputeNotFound.because("there is no such dispute"))
    }

    pub(crate) fn judge(&mut self, now: i64, actor: &Actor, judge: &Judge) -> Result<(), Refusal> {
        let mut dispute = self.dispute(&judge.dispute_id)?.clone();
        self.signed(
            now,
            actor,
            &signing::arbiter_accept(&dispute.id),
            &judge.sig,
        )?;
        let awaited = is_awaited(&dispute, now);
        let slot = dispute.slot_mut(&actor.id);
        let slot = slot.filter(|slot| awaited && slot.seat == Seat::Pending);
        let Some(slot) = slot else {
            let text = "you are not asked to judge this dispute, or not any more";
            return Err(Code::DisputeNotArbiter.because(text));
        };
        slot.seat = Seat::Accepted;
        if dispute.active().all(|slot| slot.seat == Seat::Accepted) {
            self.begin_evidence(now, dispute);
        } else {
            self.state.put(Record::Dispute(Box::new(dispute)));
        }
        Ok(())
    }

    /// From who is not asked, this is ignored.
    pub(crate) fn decline(
        &mut self,
        now: i64,
        actor: &Actor,
        decline: &Decline,
        host: &impl Host,
    ) -> Result<(), Refusal> {
        let mut dispute = self.dispute(&decline.dispute_id)?.clone();
        gate::key(actor)?;
        if let Some(sig) = &decline.sig {
            let text = signing::arbiter_decline(&dispute.id, decline.reason.as_deref());
            self.signed(now, actor, &text, sig)?;
        }
        let awaited = is_awaited(&dispute, now);
        let slot = dispute.slot_mut(&actor.id);
        let Some(slot) = slot.filter(|slot| awaited && slot.seat == Seat::Pending) else {
            return Ok(());
        };
        slot.seat = Seat::Replaced;
        let replaced = dispute.panel.iter().filter(|s| s.seat == Seat::Replaced);
        if replaced.count() > self.state.limits.replacements {
            self.fall_back(now, dispute, "too many arbiters declined", false);
            return Ok(());
        }
        let Some(next) = self.pool(&dispute, host).into_iter().next() else {
            self.fall_back(now, dispute, "nobody is left who could judge", false);
            return Ok(());
        };
        dispute.panel.push(seat(next.clone()));
        // Who comes later has as much time to answer.
        dispute.until = now + self.state.limits.response;
        let frame = assigned(&dispute, now).with("is_replacement", true).json();
        self.state.put(Record::Dispute(Box::new(dispute)));
        self.state.send(&next, &frame);
        Ok(())
    }
}

fn is_awaited(dispute: &Dispute, now: i64) -> bool {
    dispute.phase == Phase::ArbiterResponse && now < dispute.until
}
