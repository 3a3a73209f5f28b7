use agentchat_market::{Kind, Limits};
use serde_json::json;

use crate::harness::{TestHarness, code, frames};

fn limited(change: fn(&mut Limits)) -> TestHarness {
    let mut limits = Limits::default();
    change(&mut limits);
    TestHarness::with(4, limits)
}

#[test]
fn an_agent_has_so_many_open_proposals_and_no_more() {
    let mut harness = limited(|limits| limits.open_per_agent = 2);
    let first = harness.propose(0, 1, json!({})).unwrap();
    harness.deal(0, 1, (0, 0));
    assert_eq!(code(harness.propose(0, 1, json!({}))), "RATE_LIMITED");
    harness.restart();
    assert_eq!(code(harness.propose(0, 1, json!({}))), "RATE_LIMITED");
    harness.propose(1, 0, json!({})).unwrap();
    harness.reject(1, &first).unwrap();
    harness.propose(0, 1, json!({})).unwrap();
}

#[test]
fn the_oldest_that_are_over_make_place_and_open_ones_never() {
    let mut harness = limited(|limits| limits.proposals = 2);
    let first = harness.propose(0, 1, json!({})).unwrap();
    let second = harness.propose(0, 1, json!({})).unwrap();
    assert_eq!(code(harness.propose(2, 1, json!({}))), "RATE_LIMITED");
    harness.reject(1, &second).unwrap();
    harness.propose(2, 1, json!({})).unwrap();
    assert_eq!(harness.market.summary().total, 2);
    assert_eq!(code(harness.accept(1, &second, 0)), "PROPOSAL_NOT_FOUND");
    harness.accept(1, &first, 0).unwrap();
}

#[test]
fn without_place_for_ratings_deals_go_unrated_and_stakes_come_back() {
    let mut harness = limited(|limits| limits.ratings = 2);
    let first = harness.deal(0, 1, (0, 0));
    let second = harness.deal(0, 2, (1000, 0));
    let third = harness.deal(1, 3, (0, 0));
    harness.pass(60_000);
    harness.complete(0, &first).unwrap();
    let effects = harness.complete(0, &second).unwrap();
    assert!(frames(&effects, &harness.id(2))[0]["rating_changes"].is_null());
    let effects = harness.contest(3, &third).unwrap();
    assert!(frames(&effects, &harness.id(1))[0]["rating_changes"].is_null());
    assert_eq!(
        (
            harness.rating(0).1,
            harness.rating(2).1,
            harness.rating(1).1
        ),
        (1, 0, 1)
    );
    harness.deal(0, 1, (1000, 0));
}

#[test]
fn the_oldest_pairs_make_place() {
    let mut harness = limited(|limits| limits.pairs = 2);
    for other in 1..4 {
        let id = harness.deal(0, other, (0, 0));
        harness.pass(60_000);
        harness.complete(0, &id).unwrap();
    }
    let pairs = harness.stored.keys().filter(|key| key.kind == Kind::Pair);
    let pairs: Vec<_> = pairs.map(|key| key.id.clone()).collect();
    assert_eq!(pairs.len(), 2);
    assert!(!pairs.iter().any(|pair| pair.contains(&harness.id(1))));
}
