//! How disputes come before the court.

use agentchat_market::draw;
use agentchat_protocol::sha256_hex;
use serde_json::json;

use super::{Court, MINUTE, NONCE, types};
use crate::harness::{TestHarness, code, frames, keys, sent};

#[test]
fn an_intent_is_acknowledged_and_the_other_side_told() {
    let mut court = Court::new(0);
    let effects = court.intent(1).unwrap();
    let (filer, other) = (court.harness.id(1), court.harness.id(0));
    assert_eq!(
        keys(&effects, &filer).join(" "),
        "type ts dispute_id proposal_id server_nonce"
    );
    let ack = &frames(&effects, &filer)[0];
    assert!(
        ack["dispute_id"]
            .as_str()
            .unwrap()
            .starts_with("disp_loyw3v28_")
    );
    assert_eq!(ack["server_nonce"].as_str().unwrap().len(), 32);
    let note = &frames(&effects, &other)[0];
    assert_eq!(
        (&note["type"], &note["from"], &note["to"]),
        (&json!("MSG"), &json!("@server"), &json!(other))
    );
    assert!(
        note["content"]
            .as_str()
            .unwrap()
            .contains("[REDACTED:test] reason")
    );
    assert_eq!(code(court.intent(0)), "DISPUTE_ALREADY_EXISTS");
}

#[test]
fn an_intent_is_checked_in_order() {
    let mut court = Court::new(1);
    assert_eq!(code(court.intent(2)), "NOT_PROPOSAL_PARTY");
    let pending = court.harness.propose(0, 1, json!({})).unwrap();
    let deal = std::mem::replace(&mut court.proposal, pending);
    assert_eq!(code(court.intent(0)), "INVALID_PROPOSAL");
    court.proposal = "prop_x".to_owned();
    assert_eq!(code(court.intent(0)), "PROPOSAL_NOT_FOUND");
    assert_eq!(code(court.reveal(0, NONCE)), "DISPUTE_NOT_FOUND");
    court.proposal = deal;
    court.harness.agents[0].actor.lurking = true;
    court.intent(0).unwrap();
    court.harness.agents[0].actor.pubkey = None;
    assert_eq!(code(court.reveal(1, NONCE)), "DISPUTE_NOT_PARTY");
    assert_eq!(code(court.reveal(0, NONCE)), "SIGNATURE_REQUIRED");
}

#[test]
fn a_nonce_that_was_not_committed_to_is_refused_and_another_try_allowed() {
    let mut court = Court::new(3);
    court.intent(0).unwrap();
    assert_eq!(
        code(court.reveal(0, "other")),
        "DISPUTE_COMMITMENT_MISMATCH"
    );
    court.reveal(0, NONCE).unwrap();
    assert_eq!(
        code(court.reveal(0, NONCE)),
        "DISPUTE_COMMITMENT_MISMATCH",
        "once is all"
    );
}

#[test]
fn an_intent_that_is_not_revealed_falls_back() {
    let mut court = Court::new(3);
    court.intent(0).unwrap();
    court.harness.restart();
    assert_eq!(court.harness.pass(10 * MINUTE - 1), []);
    court.harness.now += 1;
    assert_eq!(
        code(court.reveal(0, NONCE)),
        "DISPUTE_COMMITMENT_MISMATCH",
        "also before the tick"
    );
    let effects = court.harness.pass(0);
    assert_eq!(
        sent(&effects),
        [("DISPUTE_FALLBACK".to_owned(), court.harness.id(0))]
    );
    assert_eq!(
        keys(&effects, &court.harness.id(0)).join(" "),
        "type ts dispute_id reason"
    );
    assert_eq!(code(court.intent(0)), "DISPUTE_ALREADY_EXISTS", "for ever");
    court.harness.contest(0, &court.proposal).unwrap();
}

#[test]
fn the_panel_is_drawn_by_the_seed() {
    let mut court = Court::new(5);
    let effects = court.intent(0).unwrap();
    let server_nonce = frames(&effects, &court.harness.id(0))[0]["server_nonce"].clone();
    let effects = court.reveal(0, NONCE).unwrap();
    let nonce = server_nonce.as_str().unwrap();
    let seed = sha256_hex(&format!("{}{NONCE}{nonce}", court.proposal));
    let pool = (2..7).map(|judge| court.harness.id(judge)).collect();
    let panel: Vec<String> = draw(&seed, pool).into_iter().take(3).collect();
    let (filer, other, now) = (court.harness.id(0), court.harness.id(1), court.harness.now);
    let told = |type_: &str, to: &String| (type_.to_owned(), to.clone());
    assert_eq!(
        sent(&effects),
        [
            told("PANEL_FORMED", &filer),
            told("PANEL_FORMED", &other),
            told("ARBITER_ASSIGNED", &panel[0]),
            told("ARBITER_ASSIGNED", &panel[1]),
            told("ARBITER_ASSIGNED", &panel[2]),
            told("DISPUTE_REVEALED", &filer),
        ]
    );
    let told = frames(&effects, &filer);
    assert_eq!(
        told[0],
        json!({"type": "PANEL_FORMED", "ts": now, "dispute_id": court.dispute, "proposal_id": court.proposal,
            "arbiters": panel, "disputant": filer, "respondent": other, "evidence_deadline": null,
            "vote_deadline": null, "seed": seed, "server_nonce": server_nonce})
    );
    assert_eq!(
        told[1],
        json!({"type": "DISPUTE_REVEALED", "ts": now, "dispute_id": court.dispute, "panel_size": 3, "seed": seed})
    );
    assert_eq!(
        frames(&effects, &panel[0]),
        [
            json!({"type": "ARBITER_ASSIGNED", "ts": now, "dispute_id": court.dispute, "proposal_id": court.proposal,
            "disputant": filer, "respondent": other, "reason": "[REDACTED:test] reason",
            "response_deadline": now + 30 * MINUTE})
        ]
    );
}

#[test]
fn agent_without_the_rating_for_it_is_not_drawn_as_arbiter() {
    let spoil: [fn(&mut TestHarness); 5] = [
        |harness| harness.rate(4, 1199, 10),
        |harness| harness.rate(4, 1200, 9),
        |harness| harness.around.online[4].available = false,
        |harness| harness.around.online[4].keyed = false,
        |harness| drop(harness.around.online.remove(4)),
    ];
    for spoil in spoil {
        let mut court = Court::new(3);
        spoil(&mut court.harness);
        court.intent(0).unwrap();
        let effects = court.reveal(0, NONCE).unwrap();
        assert_eq!(types(&effects), ["DISPUTE_FALLBACK", "DISPUTE_FALLBACK"]);
        let told = &frames(&effects, &court.harness.id(1))[0];
        assert_eq!(told["proposal_id"], json!(court.proposal));
    }
}

#[test]
fn nobody_judges_their_own_dispute() {
    let mut court = Court::new(2);
    for party in [0, 1] {
        court.harness.rate(party, 1300, 50);
    }
    court.intent(0).unwrap();
    assert_eq!(
        types(&court.reveal(0, NONCE).unwrap())[0],
        "DISPUTE_FALLBACK"
    );
}

#[test]
fn after_a_dispute_without_a_verdict_the_parties_have_a_day() {
    let mut court = Court::new(0);
    court.proposal = court.harness.propose(0, 1, json!({"expires": 60})).unwrap();
    let proposal = court.proposal.clone();
    court.harness.accept(1, &proposal, 0).unwrap();
    court.harness.pass(24 * 60 * MINUTE);
    court.intent(0).unwrap();
    court.harness.pass(10 * MINUTE);
    court.harness.pass(24 * 60 * MINUTE - 1);
    court.harness.contest(0, &proposal).unwrap();
}

#[test]
fn nobody_sits_on_more_than_three_panels() {
    let mut court = Court::new(3);
    for _ in 0..3 {
        assert_eq!(court.panel().len(), 3);
        court.proposal = court.harness.deal(0, 1, (0, 0));
    }
    court.intent(0).unwrap();
    assert_eq!(
        types(&court.reveal(0, NONCE).unwrap())[0],
        "DISPUTE_FALLBACK"
    );
}
