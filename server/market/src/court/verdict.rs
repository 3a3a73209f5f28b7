//! The verdict, and what follows from it: ratings change, the proposal is closed, stakes are given back.

use agentchat_protocol::json::{Object, Value};

use super::panel::ARBITER_STAKE;
use crate::{
    elo,
    frame::Frame,
    hook,
    market::Market,
    record::{Dispute, Phase, Record, Seat, Side, Slot, Status},
};

/// Votes that decide.
const MAJORITY: usize = 2;
/// What an arbiter gains who voted with the verdict.
const REWARD: i64 = 5;

impl Market {
    /// Counts the votes and carries the verdict out; who has not voted forfeits.
    pub(super) fn resolve(&mut self, now: i64, mut dispute: Dispute) {
        for slot in &mut dispute.panel {
            if slot.seat == Seat::Accepted {
                slot.seat = Seat::Forfeited;
            }
        }
        let verdict = count(&dispute);
        dispute.verdict = Some(verdict);
        dispute.phase = Phase::Resolved;
        dispute.until = now;
        self.state.put(Record::Dispute(Box::new(dispute.clone())));
        self.tell_judged(&dispute, &told(&dispute, verdict, now));
        self.close_proposal(now, &dispute);
        let changes = self.settle_verdict(now, &dispute, verdict);
        self.hook(hook::judged(&dispute, verdict, &changes, now));
        let frame = Frame::new("SETTLEMENT_COMPLETE", now)
            .with("dispute_id", &dispute.id)
            .with("proposal_id", &dispute.proposal_id)
            .with("verdict", verdict.as_str())
            .with("rating_changes", changes)
            .json();
        self.tell_judged(&dispute, &frame);
    }

    /// Nothing more comes of a proposal that was judged.
    fn close_proposal(&mut self, now: i64, dispute: &Dispute) {
        let id = &dispute.proposal_id;
        if let Some(proposal) = self.state.proposals.get(id)
            && proposal.status == Status::Accepted
        {
            let mut proposal = proposal.clone();
            proposal.status = Status::Disputed;
            proposal.updated_at = now;
            proposal.ended_by = Some(dispute.disputant.clone());
            proposal.ended_with = Some(dispute.reason.clone());
            self.state.put(Record::Proposal(Box::new(proposal)));
        }
        self.settle_escrow(now, id, "verdict");
    }

    fn settle_verdict(&mut self, now: i64, dispute: &Dispute, verdict: Side) -> Object {
        let (disputant, respondent) = (dispute.disputant.as_str(), dispute.respondent.as_str());
        let own = self.state.elo_score(disputant);
        let other = self.state.elo_score(respondent);
        let (for_disputant, for_respondent) = match verdict {
            Side::Disputant => {
                let (loss, gain) = elo::verdict(other, own);
                (gain, -loss)
            }
            Side::Respondent => {
                let (loss, gain) = elo::verdict(own, other);
                (-loss, gain)
            }
            Side::Mutual => (
                -elo::verdict_loss(own, other),
                -elo::verdict_loss(other, own),
            ),
        };
        let mut due = vec![(disputant, for_disputant), (respondent, for_respondent)];
        let arbiters = dispute.active();
        due.extend(arbiters.map(|slot| (slot.agent.as_str(), reward(slot, verdict))));
        let agents: Vec<&str> = due.iter().map(|(agent, _)| *agent).collect();
        let mut changes = Object::new();
        if self.can_rate(&agents) {
            for (agent, change) in due {
                let old = self.change(now, agent, change).old;
                let shown = Object::new()
                    .with("oldRating", old)
                    .with("newRating", old + change)
                    .with("change", change);
                changes.set(agent, shown);
            }
        }
        changes
    }

    /// Tells the parties and everybody who was on the panel.
    fn tell_judged(&mut self, dispute: &Dispute, frame: &str) {
        let arbiters = dispute.panel.iter().map(|slot| slot.agent.as_str());
        for agent in dispute.parties().into_iter().chain(arbiters) {
            self.state.send(agent, frame);
        }
    }
}

/// The side for which two voted; otherwise neither.
fn count(dispute: &Dispute) -> Side {
    let votes = |side| dispute.active().filter(|s| s.verdict == Some(side)).count();
    let sides = [Side::Disputant, Side::Respondent];
    let winner = sides.into_iter().find(|side| votes(*side) >= MAJORITY);
    winner.unwrap_or(Side::Mutual)
}

fn reward(slot: &Slot, verdict: Side) -> i64 {
    match slot.verdict {
        Some(side) if side == verdict => REWARD,
        Some(_) => 0,
        None => -ARBITER_STAKE,
    }
}

fn told(dispute: &Dispute, verdict: Side, now: i64) -> String {
    let side = |slot: &Slot| slot.verdict.map(Side::as_str);
    let (mut votes, mut results) = (vec![], vec![]);
    for slot in dispute.active() {
        let vote = Object::new()
            .with("arbiter", &slot.agent)
            .with("verdict", side(slot))
            .with("reasoning", slot.reasoning.as_deref());
        if slot.verdict.is_some() {
            votes.push(Value::Object(vote.clone()));
        }
        results.push(vote.with("reward", reward(slot, verdict)).into());
    }
    Frame::new("VERDICT", now)
        .with("dispute_id", &dispute.id)
        .with("proposal_id", &dispute.proposal_id)
        .with("verdict", verdict.as_str())
        .with("votes", votes)
        .with("arbiter_results", Value::Array(results))
        .with("resolved_at", now)
        .json()
}
