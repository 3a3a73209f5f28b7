use serde_json::json;

use crate::harness::{TestHarness, announced, code, frames, keys, sent, text};

const HOUR: i64 = 3_600_000;

#[test]
fn a_proposal_reaches_both_and_is_announced() {
    let mut harness = TestHarness::new(2);
    let (from, to, now) = (harness.id(0), harness.id(1), harness.now);
    let more = json!({"amount": 1.5, "currency": "SOL", "payment_code": "code", "expires": 60,
        "terms": "none", "capability": "c", "elo_stake": 25, "task": "find s3cret"});
    let effects = harness.propose_all(0, 1, more).unwrap();
    let type_ = "PROPOSAL".to_owned();
    assert_eq!(
        sent(&effects),
        [(type_.clone(), to.clone()), (type_, from.clone())]
    );
    let told = frames(&effects, &to);
    assert_eq!(told, frames(&effects, &from));
    let id = told[0]["id"].as_str().unwrap();
    let parts: Vec<_> = id.split('_').collect();
    assert_eq!(
        (parts.len(), parts[0], parts[1], parts[2].len()),
        (3, "prop", "loyw3v28", 8)
    );
    let sig = told[0]["sig"].clone();
    assert_eq!(
        told[0],
        json!({"type": "PROPOSAL", "ts": now, "id": id, "from": from, "to": to, "task": "find [REDACTED:test]",
            "amount": 1.5, "currency": "SOL", "payment_code": "code", "terms": "none", "expires": now + 60_000,
            "status": "pending", "created_at": now, "sig": sig, "elo_stake": 25, "proposal_id": id})
    );
    assert_eq!(
        keys(&effects, &from).join(" "),
        "type ts id from to task amount currency payment_code terms expires status created_at sig elo_stake proposal_id"
    );
    let said = announced(&effects);
    assert_eq!((said.len(), said[0].0, said[0].2), (1, "#bounties", true));
    for part in [&from, &to, "find [REDACTED:test]", "1.5 SOL", "25", id] {
        assert!(said[0].1.contains(part), "{part}: {}", said[0].1);
    }
}

#[test]
fn what_is_not_given_is_null() {
    let mut harness = TestHarness::new(2);
    let effects = harness
        .propose_all(0, 1, json!({"amount": 0, "elo_stake": null}))
        .unwrap();
    let told = &frames(&effects, &harness.id(0))[0];
    for key in [
        "amount",
        "currency",
        "payment_code",
        "terms",
        "expires",
        "elo_stake",
    ] {
        assert!(told.as_object().unwrap()[key].is_null(), "{key}");
    }
}

#[test]
fn checks_come_in_their_order() {
    let mut harness = TestHarness::new(3);
    let absent = harness.id(2);
    harness.around.online.retain(|present| present.id != absent);
    assert_eq!(code(harness.propose(0, 2, json!({}))), "AGENT_NOT_FOUND");
    assert_eq!(code(harness.propose(0, 0, json!({}))), "INVALID_PROPOSAL");
    let mut frame =
        json!({"type": "PROPOSAL", "to": absent, "task": "t", "sig": "totally-invalid-signature"});
    assert_eq!(code(harness.ask(0, &frame)), "VERIFICATION_FAILED");
    harness.agents[0].actor.lurking = true;
    assert_eq!(code(harness.ask(0, &frame)), "LURK_MODE");
    harness.agents[0].actor.pubkey = None;
    assert_eq!(code(harness.ask(0, &frame)), "SIGNATURE_REQUIRED");
    frame["to"] = json!(5);
    assert_eq!(code(harness.ask(0, &frame)), "INVALID_MSG");
    let limits = harness.market.limits().clone();
    let request = agentchat_market::Request::parse(
        &json!({"type": "ARBITER_DECLINE", "dispute_id": "d"}).to_string(),
        &limits,
    );
    let refused = harness
        .market
        .handle(0, None, request.unwrap(), &mut harness.around);
    assert_eq!(code(refused), "AUTH_REQUIRED");
}

#[test]
fn a_signature_that_was_tampered_with_is_none() {
    let mut harness = TestHarness::new(2);
    let id = harness.propose(0, 1, json!({})).unwrap();
    let good = harness.agents[1].key.sign(&format!("ACCEPT|{id}||"));
    let tampered = format!("{}XXXX", &good[..good.len() - 4]);
    for sig in [&tampered, "invalid-base64-signature", "bad-signature"] {
        let frame = json!({"type": "ACCEPT", "proposal_id": id, "sig": sig});
        assert_eq!(code(harness.ask(1, &frame)), "VERIFICATION_FAILED", "{sig}");
    }
    let frame = json!({"type": "ACCEPT", "proposal_id": id, "sig": good});
    assert!(harness.ask(1, &frame).is_ok());
}

#[test]
fn accepting_tells_both_and_names_the_proposals_sides() {
    let mut harness = TestHarness::new(2);
    let (from, to) = (harness.id(0), harness.id(1));
    let id = harness.propose(0, 1, json!({"elo_stake": 30})).unwrap();
    harness.restart();
    harness.now += 5;
    let effects = harness.accept(1, &id, 0).unwrap();
    let told = frames(&effects, &from);
    let sig = told[0]["sig"].clone();
    assert_eq!(
        told,
        [
            json!({"type": "ACCEPT", "ts": harness.now, "proposal_id": id, "status": "accepted", "updated_at": harness.now,
            "from": from, "to": to, "payment_code": null, "sig": sig, "proposer_stake": 30, "acceptor_stake": 0})
        ]
    );
    assert_eq!(sent(&effects)[1], ("ACCEPT".to_owned(), to.clone()));
    assert_eq!(announced(&effects)[0].0, "#bounties");
    assert_eq!(
        keys(&effects, &to).join(" "),
        "type ts proposal_id status updated_at from to payment_code sig proposer_stake acceptor_stake"
    );
}

#[test]
fn rejecting_ends_a_proposal() {
    let mut harness = TestHarness::new(2);
    let id = harness.propose(0, 1, json!({})).unwrap();
    let effects = harness.reject(1, &id).unwrap();
    assert_eq!(
        keys(&effects, &harness.id(0)).join(" "),
        "type ts proposal_id status updated_at from to reason sig"
    );
    assert_eq!(frames(&effects, &harness.id(1))[0]["status"], "rejected");
    assert_eq!(text(harness.reject(1, &id)), "PROPOSAL_NOT_PENDING");
    assert_eq!(text(harness.accept(1, &id, 0)), "PROPOSAL_NOT_PENDING");
    harness.now += 60_000;
    assert_eq!(text(harness.complete(1, &id)), "PROPOSAL_NOT_ACCEPTED");
    assert_eq!(text(harness.contest(1, &id)), "PROPOSAL_NOT_ACCEPTED");
}

#[test]
fn only_who_may_answers() {
    let mut harness = TestHarness::new(3);
    assert_eq!(code(harness.accept(1, "prop_x", 0)), "PROPOSAL_NOT_FOUND");
    assert_eq!(code(harness.reject(1, "prop_x")), "INVALID_PROPOSAL");
    assert_eq!(text(harness.complete(1, "prop_x")), "PROPOSAL_NOT_FOUND");
    let id = harness.propose(0, 1, json!({})).unwrap();
    for agent in [0, 2] {
        assert_eq!(
            text(harness.accept(agent, &id, 0)),
            "NOT_PROPOSAL_RECIPIENT"
        );
        assert_eq!(text(harness.reject(agent, &id)), "NOT_PROPOSAL_RECIPIENT");
    }
    harness.accept(1, &id, 0).unwrap();
    harness.now += 60_000;
    assert_eq!(text(harness.complete(2, &id)), "NOT_PROPOSAL_PARTY");
    assert_eq!(text(harness.contest(2, &id)), "NOT_PROPOSAL_PARTY");
}

#[test]
fn completing_takes_a_minute_and_raises_both() {
    let mut harness = TestHarness::new(2);
    let (from, to) = (harness.id(0), harness.id(1));
    let id = harness.deal(0, 1, (0, 0));
    harness.now += 59_999;
    assert_eq!(code(harness.complete(0, &id)), "RATE_LIMITED");
    harness.now += 1;
    let effects = harness.complete(0, &id).unwrap();
    let told = frames(&effects, &to);
    let (sig, now) = (told[0]["sig"].clone(), harness.now);
    let rated = json!({"oldRating": 1200, "newRating": 1208, "change": 8, "transactions": 1});
    assert_eq!(
        told,
        [
            json!({"type": "COMPLETE", "ts": now, "proposal_id": id, "status": "completed", "updated_at": now,
            "from": from, "to": to, "completed_by": from, "completed_at": now, "proof": "done", "sig": sig,
            "elo_stakes": {"proposer": 0, "acceptor": 0}, "rating_changes": {from.clone(): rated, to.clone(): rated}})
        ]
    );
    assert_eq!(
        keys(&effects, &from).join(" "),
        "type ts proposal_id status updated_at from to completed_by completed_at proof sig elo_stakes rating_changes"
    );
    assert_eq!(text(harness.complete(1, &id)), "PROPOSAL_NOT_ACCEPTED");
    assert_eq!(
        (harness.rating(0), harness.rating(1)),
        ((1208, 1), (1208, 1))
    );
}

#[test]
fn the_same_pair_gains_less_each_time_and_nothing_within_an_hour() {
    let mut harness = TestHarness::new(2);
    let gain = |harness: &mut TestHarness, after: i64| {
        let id = harness.deal(0, 1, (0, 0));
        harness.pass(60_000.max(after));
        let effects = harness.complete(1, &id).unwrap();
        let changes = frames(&effects, &harness.id(0))[0]["rating_changes"].clone();
        changes[harness.id(0)]["change"].as_i64()
    };
    assert_eq!(gain(&mut harness, 0), Some(8));
    assert_eq!(gain(&mut harness, 0), None);
    harness.restart();
    assert_eq!(
        gain(&mut harness, HOUR - 60_001),
        None,
        "the pause outlives a restart"
    );
    assert_eq!(
        gain(&mut harness, HOUR),
        Some(4),
        "the unrated ones do not count"
    );
    assert_eq!(gain(&mut harness, HOUR), Some(3));
}

#[test]
fn a_proposal_expires_and_is_forgotten_a_day_later() {
    let mut harness = TestHarness::new(2);
    let id = harness.propose(0, 1, json!({"expires": 60})).unwrap();
    harness.now += 60_000;
    assert_eq!(
        text(harness.accept(1, &id, 0)),
        "PROPOSAL_NOT_PENDING",
        "also before the tick"
    );
    harness.pass(0);
    assert_eq!(
        harness.market.summary().by_status[&agentchat_market::Status::Expired],
        1
    );
    harness.pass(24 * HOUR - 1);
    assert_eq!(harness.market.summary().total, 1);
    harness.pass(1);
    assert_eq!(harness.market.summary().total, 0);
    assert_eq!(code(harness.accept(1, &id, 0)), "PROPOSAL_NOT_FOUND");
}

#[test]
fn what_is_over_is_forgotten_also_when_its_end_is_far_away() {
    let mut harness = TestHarness::new(2);
    let id = harness.propose(0, 1, json!({"expires": 1e9})).unwrap();
    harness.reject(1, &id).unwrap();
    harness.pass(91 * 24 * HOUR - 1);
    assert_eq!(harness.market.summary().total, 1);
    harness.pass(1);
    assert_eq!(harness.market.summary().total, 0);
}

#[test]
fn what_was_accepted_can_be_completed_after_its_end() {
    let mut harness = TestHarness::new(2);
    let id = harness.propose(0, 1, json!({"expires": 120})).unwrap();
    harness.accept(1, &id, 0).unwrap();
    harness.pass(HOUR);
    assert!(harness.complete(0, &id).is_ok());
}
