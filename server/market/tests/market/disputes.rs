use serde_json::json;

use crate::harness::{TestHarness, frames, keys, sent};

#[test]
fn who_files_wins_and_both_hear_of_it() {
    let mut harness = TestHarness::new(2);
    harness.rate(0, 1400, 50);
    harness.rate(1, 1200, 5);
    let id = harness.propose(0, 1, json!({"amount": 10})).unwrap();
    harness.accept(1, &id, 0).unwrap();
    let effects = harness.contest(1, &id).unwrap();
    let (from, to, now) = (harness.id(0), harness.id(1), harness.now);
    let told = frames(&effects, &from);
    let sig = told[0]["sig"].clone();
    assert_eq!(
        told,
        [
            json!({"type": "DISPUTE", "ts": now, "proposal_id": id, "status": "disputed", "updated_at": now,
            "from": from, "to": to, "disputed_by": to, "disputed_at": now, "reason": "bad work", "sig": sig,
            "elo_stakes": {"proposer": 0, "acceptor": 0}, "rating_changes": {
                from.clone(): {"oldRating": 1400, "newRating": 1363, "change": -37, "transactions": 51},
                to.clone(): {"oldRating": 1200, "newRating": 1219, "change": 19, "transactions": 6},
                "_escrow": {"proposer_stake": 0, "acceptor_stake": 0, "settlement": "transferred",
                    "transferred_to": to, "transferred_amount": 0}}})
        ]
    );
    assert_eq!(
        keys(&effects, &to).join(" "),
        "type ts proposal_id status updated_at from to disputed_by disputed_at reason sig elo_stakes rating_changes"
    );
    assert_eq!(sent(&effects).len(), 2);
}

#[test]
fn no_rating_falls_below_the_floor_and_the_change_is_told_in_full() {
    let mut harness = TestHarness::new(2);
    harness.rate(0, 105, 0);
    let id = harness.deal(0, 1, (0, 0));
    harness.rate(1, 100, 0);
    let effects = harness.contest(1, &id).unwrap();
    let change = &frames(&effects, &harness.id(1))[0]["rating_changes"][harness.id(0)];
    assert_eq!(
        (&change["newRating"], &change["change"]),
        (&json!(100), &json!(-16))
    );
    assert_eq!(harness.rating(0).0, 100);
}
