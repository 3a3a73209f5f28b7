use agentchat_market::{EscrowStatus, Record};
use serde_json::json;

use crate::harness::{TestHarness, code, frames, hooks};

/// How the escrow of a proposal ended.
fn escrow(harness: &TestHarness, id: &str) -> Option<(EscrowStatus, Option<String>)> {
    let records = harness.market.records();
    records.into_iter().find_map(|record| match record {
        Record::Escrow(escrow) if escrow.proposal_id == id => {
            Some((escrow.status, escrow.settlement_reason))
        }
        _ => None,
    })
}

#[test]
fn nobody_stakes_what_is_staked_or_below_the_floor() {
    let mut harness = TestHarness::new(3);
    let id = harness.propose(0, 1, json!({"elo_stake": 1101})).unwrap();
    assert_eq!(
        code(harness.accept(1, &id, 0)),
        "INSUFFICIENT_REPUTATION",
        "the proposer's"
    );
    let id = harness.propose(0, 1, json!({"elo_stake": 1100})).unwrap();
    assert_eq!(
        code(harness.accept(1, &id, 1101)),
        "INSUFFICIENT_REPUTATION",
        "the other's"
    );
    harness.accept(1, &id, 100).unwrap();
    harness.restart();
    let more = harness.propose(0, 2, json!({"elo_stake": 1})).unwrap();
    assert_eq!(
        code(harness.accept(2, &more, 0)),
        "INSUFFICIENT_REPUTATION",
        "all is staked"
    );
    let back = harness.propose(2, 1, json!({})).unwrap();
    assert_eq!(
        code(harness.accept(1, &back, 1001)),
        "INSUFFICIENT_REPUTATION"
    );
    harness.accept(1, &back, 1000).unwrap();
}

#[test]
fn a_completion_gives_stakes_back() {
    let mut harness = TestHarness::new(2);
    let id = harness.deal(0, 1, (50, 30));
    harness.pass(60_000);
    let effects = harness.complete(0, &id).unwrap();
    let told = &frames(&effects, &harness.id(1))[0];
    assert_eq!(told["elo_stakes"], json!({"proposer": 50, "acceptor": 30}));
    assert_eq!(
        told["rating_changes"]["_escrow"],
        json!({"proposer_stake": 50, "acceptor_stake": 30, "settlement": "returned"})
    );
    assert_eq!((harness.rating(0).0, harness.rating(1).0), (1208, 1208));
    assert_eq!(
        escrow(&harness, &id),
        Some((EscrowStatus::Settled, Some("completed".into())))
    );
    let told = hooks(&effects);
    assert_eq!(told[0]["event"], "settlement:completion");
    assert_eq!(
        told[0]["stakes_returned"],
        json!({"proposer": 50, "acceptor": 30})
    );
}

#[test]
fn a_completion_that_is_not_rated_gives_stakes_back_too() {
    let mut harness = TestHarness::new(2);
    let first = harness.deal(0, 1, (0, 0));
    let second = harness.deal(0, 1, (1000, 1000));
    harness.pass(60_000);
    harness.complete(0, &first).unwrap();
    let effects = harness.complete(0, &second).unwrap();
    assert!(frames(&effects, &harness.id(0))[0]["rating_changes"].is_null());
    harness.deal(0, 1, (1000, 1000));
}

#[test]
fn who_files_a_dispute_takes_the_stake() {
    let mut harness = TestHarness::new(2);
    let id = harness
        .propose(0, 1, json!({"amount": 1.5, "elo_stake": 50}))
        .unwrap();
    let effects = harness.accept(1, &id, 30).unwrap();
    let created = &hooks(&effects)[0];
    assert_eq!(
        (&created["event"], &created["total_stake"]),
        (&json!("escrow:created"), &json!(80))
    );
    let effects = harness.contest(1, &id).unwrap();
    let (from, to) = (harness.id(0), harness.id(1));
    let told = &frames(&effects, &from)[0];
    assert_eq!(
        told["rating_changes"],
        json!({from.clone(): {"oldRating": 1200, "newRating": 1128, "change": -72, "transactions": 1},
            to.clone(): {"oldRating": 1200, "newRating": 1261, "change": 61, "transactions": 1},
            "_escrow": {"proposer_stake": 50, "acceptor_stake": 30, "settlement": "transferred",
                "transferred_to": to, "transferred_amount": 50}})
    );
    assert_eq!((harness.rating(0).0, harness.rating(1).0), (1128, 1261));
    assert_eq!(
        escrow(&harness, &id),
        Some((EscrowStatus::Settled, Some("disputed".into())))
    );
    assert_eq!(hooks(&effects)[0]["event"], "settlement:dispute");
}

#[test]
fn stakes_of_a_deal_that_comes_to_nothing_are_free_in_the_end() {
    let mut harness = TestHarness::new(2);
    let id = harness
        .propose(0, 1, json!({"expires": 60, "elo_stake": 1100}))
        .unwrap();
    harness.accept(1, &id, 0).unwrap();
    let effects = harness.pass(60_000 + 24 * 3_600_000);
    assert_eq!(hooks(&effects)[0]["event"], "escrow:released");
    assert_eq!(harness.market.records(), []);
    harness.deal(0, 1, (1100, 1100));
    // Without an end of its own it ends too.
    harness.pass(100 * 24 * 3_600_000);
    assert_eq!(harness.market.records(), []);
}
