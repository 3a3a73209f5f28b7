//! Arbiters accept, decline, or do not answer.

use serde_json::json;

use super::{Court, MINUTE, types};
use crate::harness::{code, frames};

#[test]
fn evidence_begins_when_all_have_accepted() {
    let mut court = Court::new(3);
    let panel = court.panel();
    assert_eq!(code(court.judge(0)), "DISPUTE_NOT_ARBITER");
    assert_eq!(
        court.judge(panel[0]).unwrap().len(),
        1,
        "only kept, nothing said"
    );
    assert_eq!(code(court.judge(panel[0])), "DISPUTE_NOT_ARBITER");
    court.judge(panel[1]).unwrap();
    assert_eq!(code(court.testify(0, "[]", "s")), "DISPUTE_DEADLINE_PASSED");
    court.harness.restart();
    let effects = court.judge(panel[2]).unwrap();
    assert_eq!(types(&effects), ["MSG", "MSG"]);
    assert_eq!(frames(&effects, &court.harness.id(1))[0]["from"], "@server");
}

#[test]
fn who_declines_is_replaced_and_the_dispute_goes_on() {
    let mut court = Court::new(4);
    let panel = court.panel();
    let spare = (2..6).find(|judge| !panel.contains(judge)).unwrap();
    assert_eq!(court.decline(0).unwrap(), [], "not an arbiter");
    court.harness.now += 20 * MINUTE;
    let effects = court.decline(panel[1]).unwrap();
    let told = &frames(&effects, &court.harness.id(spare))[0];
    assert_eq!(
        (&told["type"], &told["is_replacement"]),
        (&json!("ARBITER_ASSIGNED"), &json!(true))
    );
    assert_eq!(
        told["response_deadline"],
        json!(court.harness.now + 30 * MINUTE)
    );
    assert_eq!(
        code(court.judge(panel[1])),
        "DISPUTE_NOT_ARBITER",
        "replaced"
    );
    for arbiter in [panel[0], panel[2], spare] {
        court.judge(arbiter).unwrap();
    }
    let ready = court.harness.pass(60 * MINUTE);
    assert_eq!(types(&ready), ["CASE_READY"; 3]);
    for arbiter in [panel[0], panel[2]] {
        assert_eq!(types(&court.vote(arbiter, "disputant").unwrap()), [""; 0]);
    }
    let effects = court.vote(spare, "disputant").unwrap();
    assert_eq!(
        types(&effects)[..6],
        ["VERDICT"; 6],
        "who was replaced hears it too"
    );
    let verdict = &frames(&effects, &court.harness.id(panel[1]))[0];
    assert_eq!(verdict["arbiter_results"].as_array().unwrap().len(), 3);
}

#[test]
fn too_many_refusals_and_an_empty_pool_fall_back_once() {
    let mut court = Court::new(6);
    let mut panel = court.panel();
    for _ in 0..2 {
        let effects = court.decline(panel.remove(0)).unwrap();
        assert_eq!(types(&effects), ["ARBITER_ASSIGNED"]);
    }
    assert_eq!(
        types(&court.decline(panel[0]).unwrap()),
        ["DISPUTE_FALLBACK", "DISPUTE_FALLBACK"]
    );
    assert_eq!(court.decline(panel[0]).unwrap(), [], "said once");

    let mut court = Court::new(3);
    let panel = court.panel();
    let effects = court.decline(panel[0]).unwrap();
    assert_eq!(types(&effects), ["DISPUTE_FALLBACK", "DISPUTE_FALLBACK"]);
}

#[test]
fn a_decline_may_be_unsigned_and_a_wrong_signature_is_none() {
    let mut court = Court::new(4);
    let panel = court.panel();
    let mut frame =
        json!({"type": "ARBITER_DECLINE", "dispute_id": court.dispute, "sig": "bad-signature"});
    assert_eq!(
        code(court.harness.ask(panel[0], &frame)),
        "VERIFICATION_FAILED"
    );
    frame["dispute_id"] = json!("disp_x");
    assert_eq!(
        code(court.harness.ask(panel[0], &frame)),
        "DISPUTE_NOT_FOUND"
    );
}

#[test]
fn arbiters_who_do_not_answer_end_it() {
    let mut court = Court::new(3);
    let panel = court.panel();
    court.judge(panel[0]).unwrap();
    let effects = court.harness.pass(30 * MINUTE);
    assert_eq!(types(&effects), ["DISPUTE_FALLBACK", "DISPUTE_FALLBACK"]);
    assert_eq!(code(court.judge(panel[1])), "DISPUTE_NOT_ARBITER");
}
