//! Evidence, votes, and what comes of them.

use agentchat_protocol::signing;
use serde_json::{Value, json};

use super::{Court, MINUTE, types};
use crate::harness::{code, frames, hooks, keys, text};

#[test]
fn votes_and_evidence_count_no_more_when_time_is_over_also_before_the_tick() {
    let mut court = Court::new(3);
    let panel = court.deliberation();
    court.vote(panel[0], "disputant").unwrap();
    court.harness.now += 60 * MINUTE;
    assert_eq!(
        code(court.vote(panel[1], "disputant")),
        "DISPUTE_NOT_ARBITER"
    );
    let effects = court.harness.pass(0);
    assert_eq!(
        frames(&effects, &court.harness.id(0))[0]["verdict"],
        "mutual"
    );

    let mut court = Court::new(3);
    for arbiter in court.panel() {
        court.judge(arbiter).unwrap();
    }
    court.harness.now += 60 * MINUTE;
    assert_eq!(code(court.testify(0, "[]", "")), "DISPUTE_DEADLINE_PASSED");
}

#[test]
fn evidence_is_given_once_within_its_bounds_and_shown_to_arbiters_alone() {
    let mut court = Court::new(3);
    let panel = court.panel();
    for arbiter in &panel {
        court.judge(*arbiter).unwrap();
    }
    assert_eq!(code(court.testify(panel[0], "[]", "")), "DISPUTE_NOT_PARTY");
    let eleven = format!("[{}]", ["{}"; 11].join(","));
    assert_eq!(
        code(court.testify(0, &eleven, "")),
        "DISPUTE_DEADLINE_PASSED"
    );
    assert_eq!(
        code(court.testify(0, "[]", &"x".repeat(2001))),
        "DISPUTE_DEADLINE_PASSED"
    );
    let mut other = Court::new(3);
    for arbiter in other.panel() {
        other.judge(arbiter).unwrap();
    }
    let ten = format!("[{}]", ["{}"; 10].join(","));
    other.testify(0, &ten, &"x".repeat(2000)).unwrap();
    let grows = format!("{}s3cret", "x".repeat(1986));
    assert_eq!(
        code(court.testify(0, "[]", &grows)),
        "DISPUTE_DEADLINE_PASSED"
    );
    let item = r#"[{"label":"claim","kind":"other","value":"data"}]"#;
    let statement = format!("{}s3cret", "x".repeat(1985));
    let effects = court.testify(0, item, &statement).unwrap();
    assert_eq!(types(&effects), ["EVIDENCE_RECEIVED"; 5]);
    assert_eq!(
        frames(&effects, &court.harness.id(1)),
        [
            json!({"type": "EVIDENCE_RECEIVED", "ts": court.harness.now, "dispute_id": court.dispute,
            "from": court.harness.id(0), "items_count": 1})
        ]
    );
    assert_eq!(
        text(court.testify(0, "[]", "")),
        "you have given evidence, and once is all"
    );
    court.harness.restart();
    let effects = court.harness.pass(60 * MINUTE);
    let (id, now) = (court.harness.id(panel[0]), court.harness.now);
    assert_eq!(types(&effects), ["CASE_READY"; 3]);
    assert_eq!(
        keys(&effects, &id).join(" "),
        "type ts dispute_id proposal disputant disputant_evidence respondent respondent_evidence vote_deadline"
    );
    let ready = &frames(&effects, &id)[0];
    assert_eq!(
        ready["disputant_evidence"]["items"],
        json!([{"label": "claim", "kind": "other", "value": "data",
            "hash": "48bdd358778208f1ca7e325349aaa6ca9677ecd19a32fcd5143d83c30ef87015"}])
    );
    let shown = ready["disputant_evidence"]["statement"].as_str().unwrap();
    assert_eq!(
        (shown.len(), shown.ends_with("[REDACTED:test]")),
        (2000, true)
    );
    assert_eq!(
        (&ready["respondent_evidence"], &ready["vote_deadline"]),
        (&Value::Null, &json!(now + 60 * MINUTE))
    );
    assert_eq!(
        ready["proposal"],
        json!({"id": court.proposal, "from": court.harness.id(0), "to": court.harness.id(1), "task": "Test task",
            "amount": null, "currency": null})
    );
    assert_eq!(code(court.testify(1, "[]", "")), "DISPUTE_DEADLINE_PASSED");
}

#[test]
fn a_majority_decides_and_the_deal_is_over() {
    let mut court = Court::staked(3, (50, 30));
    let panel = court.deliberation();
    assert_eq!(code(court.vote(0, "disputant")), "DISPUTE_NOT_ARBITER");
    court.vote(panel[0], "disputant").unwrap();
    assert_eq!(
        code(court.vote(panel[0], "mutual")),
        "DISPUTE_NOT_ARBITER",
        "once is all"
    );
    court.vote(panel[1], "respondent").unwrap();
    court.harness.restart();
    let effects = court.vote(panel[2], "disputant").unwrap();
    let expected = [["VERDICT"; 5], ["SETTLEMENT_COMPLETE"; 5]].concat();
    assert_eq!(types(&effects), expected);
    let (filer, other, now) = (court.harness.id(0), court.harness.id(1), court.harness.now);
    let arbiter = |place: usize| court.harness.id(panel[place]);
    let vote = |place, verdict| json!({"arbiter": arbiter(place), "verdict": verdict, "reasoning": "because"});
    let result = |place, verdict, reward| {
        let mut result = vote(place, verdict);
        result["reward"] = json!(reward);
        result
    };
    let told = frames(&effects, &other);
    assert_eq!(
        told[0],
        json!({"type": "VERDICT", "ts": now, "dispute_id": court.dispute, "proposal_id": court.proposal,
            "verdict": "disputant",
            "votes": [vote(0, "disputant"), vote(1, "respondent"), vote(2, "disputant")],
            "arbiter_results": [result(0, "disputant", 5), result(1, "respondent", 0), result(2, "disputant", 5)],
            "resolved_at": now})
    );
    let change = |new, change| json!({"oldRating": 1200, "newRating": new, "change": change});
    assert_eq!(
        told[1],
        json!({"type": "SETTLEMENT_COMPLETE", "ts": now, "dispute_id": court.dispute,
            "proposal_id": court.proposal, "verdict": "disputant", "rating_changes": {
                filer: change(1204, 4), other: change(1192, -8), arbiter(0): change(1205, 5),
                arbiter(1): change(1200, 0), arbiter(2): change(1205, 5)}})
    );
    assert_eq!(court.harness.rating(panel[1]), (1200, 11));
    assert_eq!(hooks(&effects)[0]["event"], "settlement:verdict");
    let proposal = court.proposal.clone();
    assert_eq!(
        text(court.harness.complete(0, &proposal)),
        "PROPOSAL_NOT_ACCEPTED"
    );
    assert_eq!(
        text(court.harness.contest(1, &proposal)),
        "PROPOSAL_NOT_ACCEPTED"
    );
    court.harness.deal(0, 1, (1104, 1092));
}

#[test]
fn who_does_not_vote_forfeits_and_without_a_majority_both_lose() {
    let mut court = Court::new(3);
    let panel = court.deliberation();
    court.vote(panel[0], "disputant").unwrap();
    let effects = court.harness.pass(60 * MINUTE);
    let verdict = &frames(&effects, &court.harness.id(0))[0];
    assert_eq!(
        (
            &verdict["verdict"],
            verdict["votes"].as_array().unwrap().len()
        ),
        (&json!("mutual"), 1)
    );
    assert_eq!(
        verdict["arbiter_results"][1],
        json!({"arbiter": court.harness.id(panel[1]), "verdict": null, "reasoning": null, "reward": -25})
    );
    let ratings = [0, 1, panel[0], panel[1], panel[2]].map(|agent| court.harness.rating(agent).0);
    assert_eq!(ratings, [1192, 1192, 1200, 1175, 1175]);
}

#[test]
fn a_vote_has_a_short_reasoning() {
    let mut court = Court::new(3);
    let panel = court.deliberation();
    let text = signing::arbiter_vote(&court.dispute, "mutual");
    let mut frame = json!({"type": "ARBITER_VOTE", "dispute_id": court.dispute, "verdict": "mutual",
        "reasoning": "x".repeat(501)});
    assert_eq!(
        code(court.harness.signed(panel[0], frame.clone(), &text)),
        "DISPUTE_NOT_ARBITER"
    );
    frame["reasoning"] = json!("x".repeat(500));
    court.harness.signed(panel[0], frame, &text).unwrap();
}

#[test]
fn a_proposal_before_the_court_is_kept_until_that_is_over() {
    let mut court = Court::new(3);
    let more = json!({"expires": 60});
    court.proposal = court.harness.propose(0, 1, more).unwrap();
    let proposal = court.proposal.clone();
    court.harness.accept(1, &proposal, 0).unwrap();
    court.harness.pass(24 * 60 * MINUTE + 50_000);
    let panel = court.deliberation();
    court.vote(panel[0], "disputant").unwrap();
    court.vote(panel[1], "disputant").unwrap();
    let effects = court.vote(panel[2], "disputant").unwrap();
    assert_eq!(types(&effects).len(), 10);
    let kept = |court: &Court| {
        court
            .harness
            .market
            .records()
            .iter()
            .any(|r| r.key().id == court.proposal)
    };
    court.harness.pass(24 * 60 * MINUTE - 1);
    assert!(kept(&court));
    court.harness.pass(1);
    assert!(!kept(&court));
    assert_eq!(code(court.vote(panel[0], "disputant")), "DISPUTE_NOT_FOUND");
}
