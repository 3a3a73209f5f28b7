//! How a dispute goes on: what begins a phase, and what its end by time brings.

use agentchat_protocol::json::{Object, Value};

use crate::{
    frame::{Frame, note},
    market::Market,
    record::{Dispute, Evidence, Phase, Record, Seat},
};

impl Market {
    /// A phase is over by time.
    pub(crate) fn dispute_due(&mut self, now: i64, id: &str) {
        let Some(dispute) = self.state.disputes.get(id).cloned() else {
            return;
        };
        match dispute.phase {
            Phase::RevealPending => self.end(now, dispute, "the nonce was not revealed in time"),
            Phase::ArbiterResponse => {
                self.fall_back(now, dispute, "not all arbiters answered in time", false);
            }
            Phase::Evidence => self.begin_deliberation(now, dispute),
            Phase::Deliberation => self.resolve(now, dispute),
            Phase::Resolved | Phase::Fallback => {}
        }
    }

    /// All arbiters have accepted.
    pub(super) fn begin_evidence(&mut self, now: i64, mut dispute: Dispute) {
        dispute.phase = Phase::Evidence;
        dispute.until = now + self.state.limits.evidence;
        self.state.put(Record::Dispute(Box::new(dispute.clone())));
        let until = jiff::Timestamp::from_millisecond(dispute.until);
        let until = until.map_or_else(|_| dispute.until.to_string(), |time| time.to_string());
        let content = format!("Give evidence on dispute {} until {until}", dispute.id);
        for party in dispute.parties() {
            let frame = note(party, &content, now);
            self.state.send(party, &frame);
        }
    }

    fn begin_deliberation(&mut self, now: i64, mut dispute: Dispute) {
        dispute.phase = Phase::Deliberation;
        dispute.until = now + self.state.limits.vote;
        self.state.put(Record::Dispute(Box::new(dispute.clone())));
        let proposal = self.state.proposals.get(&dispute.proposal_id);
        let proposal = proposal.map(|proposal| {
            Object::new()
                .with("id", &proposal.id)
                .with("from", &proposal.from)
                .with("to", &proposal.to)
                .with("task", &proposal.task)
                .with("amount", proposal.amount)
                .with("currency", proposal.currency.as_deref())
        });
        let frame = Frame::new("CASE_READY", now)
            .with("dispute_id", &dispute.id)
            .with("proposal", proposal)
            .with("disputant", &dispute.disputant)
            .with(
                "disputant_evidence",
                shown(dispute.disputant_evidence.as_ref()),
            )
            .with("respondent", &dispute.respondent)
            .with(
                "respondent_evidence",
                shown(dispute.respondent_evidence.as_ref()),
            )
            .with("vote_deadline", dispute.until)
            .json();
        for slot in dispute.panel.iter().filter(|s| s.seat == Seat::Accepted) {
            self.state.send(&slot.agent, &frame);
        }
    }

    /// Ends without a verdict, and tells the disputant alone.
    fn end(&mut self, now: i64, mut dispute: Dispute, reason: &str) {
        close(&mut dispute, now);
        let frame = fallback(&dispute, reason, now).json();
        self.state.send(&dispute.disputant, &frame);
        self.state.put(Record::Dispute(Box::new(dispute)));
    }

    /// Ends without a verdict, and tells both parties; at the reveal also the proposal.
    pub(super) fn fall_back(
        &mut self,
        now: i64,
        mut dispute: Dispute,
        reason: &str,
        at_reveal: bool,
    ) {
        close(&mut dispute, now);
        let mut frame = fallback(&dispute, reason, now);
        if at_reveal {
            frame = frame.with("proposal_id", &dispute.proposal_id);
        }
        let frame = frame.json();
        for party in dispute.parties() {
            self.state.send(party, &frame);
        }
        self.state.put(Record::Dispute(Box::new(dispute)));
    }
}

fn close(dispute: &mut Dispute, now: i64) {
    dispute.phase = Phase::Fallback;
    dispute.until = now;
}

fn fallback(dispute: &Dispute, reason: &str, now: i64) -> Frame {
    Frame::new("DISPUTE_FALLBACK", now)
        .with("dispute_id", &dispute.id)
        .with("reason", reason)
}

fn shown(evidence: Option<&Evidence>) -> Option<Object> {
    evidence.map(|evidence| {
        let items: Vec<Value> = evidence.items.iter().cloned().map(Value::Object).collect();
        Object::new()
            .with("items", items)
            .with("statement", &evidence.statement)
            .with("sig", &evidence.sig)
    })
}
