use agentchat_market::{EscrowStatus, Record};
use serde_json::json;

use crate::world::{World, code, frames, hooks};

/// How the escrow of a proposal ended.
fn escrow(world: &World, id: &str) -> Option<(EscrowStatus, Option<String>)> {
    let records = world.market.records();
    records.into_iter().find_map(|record| match record {
        Record::Escrow(escrow) if escrow.proposal_id == id => {
            Some((escrow.status, escrow.settlement_reason))
        }
        _ => None,
    })
}

#[test]
fn nobody_stakes_what_is_staked_or_below_the_floor() {
    let mut world = World::new(3);
    let id = world.propose(0, 1, json!({"elo_stake": 1101})).unwrap();
    assert_eq!(
        code(world.accept(1, &id, 0)),
        "INSUFFICIENT_REPUTATION",
        "the proposer's"
    );
    let id = world.propose(0, 1, json!({"elo_stake": 1100})).unwrap();
    assert_eq!(
        code(world.accept(1, &id, 1101)),
        "INSUFFICIENT_REPUTATION",
        "the other's"
    );
    world.accept(1, &id, 100).unwrap();
    world.restart();
    let more = world.propose(0, 2, json!({"elo_stake": 1})).unwrap();
    assert_eq!(
        code(world.accept(2, &more, 0)),
        "INSUFFICIENT_REPUTATION",
        "all is staked"
    );
    let back = world.propose(2, 1, json!({})).unwrap();
    assert_eq!(
        code(world.accept(1, &back, 1001)),
        "INSUFFICIENT_REPUTATION"
    );
    world.accept(1, &back, 1000).unwrap();
}

#[test]
fn a_completion_gives_stakes_back() {
    let mut world = World::new(2);
    let id = world.deal(0, 1, (50, 30));
    world.pass(60_000);
    let effects = world.complete(0, &id).unwrap();
    let told = &frames(&effects, &world.id(1))[0];
    assert_eq!(told["elo_stakes"], json!({"proposer": 50, "acceptor": 30}));
    assert_eq!(
        told["rating_changes"]["_escrow"],
        json!({"proposer_stake": 50, "acceptor_stake": 30, "settlement": "returned"})
    );
    assert_eq!((world.rating(0).0, world.rating(1).0), (1208, 1208));
    assert_eq!(
        escrow(&world, &id),
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
    let mut world = World::new(2);
    let first = world.deal(0, 1, (0, 0));
    let second = world.deal(0, 1, (1000, 1000));
    world.pass(60_000);
    world.complete(0, &first).unwrap();
    let effects = world.complete(0, &second).unwrap();
    assert!(frames(&effects, &world.id(0))[0]["rating_changes"].is_null());
    world.deal(0, 1, (1000, 1000));
}

#[test]
fn who_files_a_dispute_takes_the_stake() {
    let mut world = World::new(2);
    let id = world
        .propose(0, 1, json!({"amount": 1.5, "elo_stake": 50}))
        .unwrap();
    let effects = world.accept(1, &id, 30).unwrap();
    let created = &hooks(&effects)[0];
    assert_eq!(
        (&created["event"], &created["total_stake"]),
        (&json!("escrow:created"), &json!(80))
    );
    let effects = world.contest(1, &id).unwrap();
    let (from, to) = (world.id(0), world.id(1));
    let told = &frames(&effects, &from)[0];
    assert_eq!(
        told["rating_changes"],
        json!({from.clone(): {"oldRating": 1200, "newRating": 1128, "change": -72, "transactions": 1},
            to.clone(): {"oldRating": 1200, "newRating": 1261, "change": 61, "transactions": 1},
            "_escrow": {"proposer_stake": 50, "acceptor_stake": 30, "settlement": "transferred",
                "transferred_to": to, "transferred_amount": 50}})
    );
    assert_eq!((world.rating(0).0, world.rating(1).0), (1128, 1261));
    assert_eq!(
        escrow(&world, &id),
        Some((EscrowStatus::Settled, Some("disputed".into())))
    );
    assert_eq!(hooks(&effects)[0]["event"], "settlement:dispute");
}

#[test]
fn stakes_of_a_deal_that_comes_to_nothing_are_free_in_the_end() {
    let mut world = World::new(2);
    let id = world
        .propose(0, 1, json!({"expires": 60, "elo_stake": 1100}))
        .unwrap();
    world.accept(1, &id, 0).unwrap();
    let effects = world.pass(60_000 + 24 * 3_600_000);
    assert_eq!(hooks(&effects)[0]["event"], "escrow:released");
    assert_eq!(world.market.records(), []);
    world.deal(0, 1, (1100, 1100));
    // Without an end of its own it ends too.
    world.pass(100 * 24 * 3_600_000);
    assert_eq!(world.market.records(), []);
}
