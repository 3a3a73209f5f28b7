//! What followers of escrows are told: one JSON object an event.

use agentchat_protocol::json::{Object, Value};

use crate::record::{Dispute, Escrow, Proposal, Side};

fn event(event: &str, now: i64) -> Object {
    Object::new().with("event", event).with("timestamp", now)
}

/// Both sides and what they stake.
fn sides(object: Object, id: &str, parties: [&str; 2], stakes: [i64; 2]) -> Object {
    object
        .with("proposal_id", id)
        .with("from_agent", parties[0])
        .with("to_agent", parties[1])
        .with("proposer_stake", stakes[0])
        .with("acceptor_stake", stakes[1])
        .with("total_stake", stakes[0].saturating_add(stakes[1]))
}

fn escrow_sides(object: Object, escrow: &Escrow) -> Object {
    let parties = [escrow.from.agent_id.as_str(), &escrow.to.agent_id];
    sides(
        object,
        &escrow.proposal_id,
        parties,
        [escrow.from.stake, escrow.to.stake],
    )
}

fn json(object: Object) -> String {
    Value::Object(object).to_json()
}

/// Stakes were reserved.
pub fn created(proposal: &Proposal, escrow: &Escrow, now: i64) -> String {
    let object = escrow_sides(event("escrow:created", now), escrow)
        .with("task", &proposal.task)
        .with("amount", proposal.amount)
        .with("currency", proposal.currency.as_deref())
        .with("expires", proposal.expires)
        .with("escrow_id", &escrow.proposal_id);
    json(object)
}

/// Stakes were given back because nothing came of the deal.
pub fn released(escrow: &Escrow, now: i64) -> String {
    let object = escrow_sides(event("escrow:released", now), escrow);
    json(object.with("escrow_id", &escrow.proposal_id))
}

/// A deal with stakes is done.
pub fn completed(
    proposal: &Proposal,
    escrow: &Escrow,
    changes: Option<&Object>,
    now: i64,
) -> String {
    let returned = Object::new()
        .with("proposer", escrow.from.stake)
        .with("acceptor", escrow.to.stake);
    let object = escrow_sides(event("settlement:completion", now), escrow)
        .with("completed_by", proposal.ended_by.as_deref())
        .with("completion_proof", proposal.ended_with.as_deref())
        .with("settlement", "returned")
        .with("stakes_returned", returned)
        .with("rating_changes", changes.cloned());
    json(object)
}

/// A deal ended in a dispute that nobody judged.
pub fn contested(
    proposal: &Proposal,
    escrow: Option<&Escrow>,
    changes: &Object,
    now: i64,
) -> String {
    let stakes = escrow.map_or([0, 0], |e| [e.from.stake, e.to.stake]);
    let parties = [proposal.from.as_str(), &proposal.to];
    let object = sides(
        event("settlement:dispute", now),
        &proposal.id,
        parties,
        stakes,
    )
    .with("disputed_by", proposal.ended_by.as_deref())
    .with("dispute_reason", proposal.ended_with.as_deref())
    .with("settlement", "transferred")
    .with("rating_changes", changes.clone());
    json(object)
}

/// The court has judged.
pub fn judged(dispute: &Dispute, verdict: Side, changes: &Object, now: i64) -> String {
    let object = event("settlement:verdict", now)
        .with("dispute_id", &dispute.id)
        .with("proposal_id", &dispute.proposal_id)
        .with("verdict", verdict.as_str())
        .with("rating_changes", changes.clone());
    json(object)
}
