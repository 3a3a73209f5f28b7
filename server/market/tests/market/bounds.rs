use agentchat_market::{Kind, Limits};
use serde_json::json;

use crate::world::{World, code, frames};

fn limited(change: fn(&mut Limits)) -> World {
    let mut limits = Limits::default();
    change(&mut limits);
    World::with(4, limits)
}

#[test]
fn an_agent_has_so_many_open_proposals_and_no_more() {
    let mut world = limited(|limits| limits.open_per_agent = 2);
    let first = world.propose(0, 1, json!({})).unwrap();
    world.deal(0, 1, (0, 0));
    assert_eq!(code(world.propose(0, 1, json!({}))), "RATE_LIMITED");
    world.restart();
    assert_eq!(code(world.propose(0, 1, json!({}))), "RATE_LIMITED");
    world.propose(1, 0, json!({})).unwrap();
    world.reject(1, &first).unwrap();
    world.propose(0, 1, json!({})).unwrap();
}

#[test]
fn the_oldest_that_are_over_make_place_and_open_ones_never() {
    let mut world = limited(|limits| limits.proposals = 2);
    let first = world.propose(0, 1, json!({})).unwrap();
    let second = world.propose(0, 1, json!({})).unwrap();
    assert_eq!(code(world.propose(2, 1, json!({}))), "RATE_LIMITED");
    world.reject(1, &second).unwrap();
    world.propose(2, 1, json!({})).unwrap();
    assert_eq!(world.market.summary().total, 2);
    assert_eq!(code(world.accept(1, &second, 0)), "PROPOSAL_NOT_FOUND");
    world.accept(1, &first, 0).unwrap();
}

#[test]
fn without_place_for_ratings_deals_go_unrated_and_stakes_come_back() {
    let mut world = limited(|limits| limits.ratings = 2);
    let first = world.deal(0, 1, (0, 0));
    let second = world.deal(0, 2, (1000, 0));
    let third = world.deal(1, 3, (0, 0));
    world.pass(60_000);
    world.complete(0, &first).unwrap();
    let effects = world.complete(0, &second).unwrap();
    assert!(frames(&effects, &world.id(2))[0]["rating_changes"].is_null());
    let effects = world.contest(3, &third).unwrap();
    assert!(frames(&effects, &world.id(1))[0]["rating_changes"].is_null());
    assert_eq!(
        (world.rating(0).1, world.rating(2).1, world.rating(1).1),
        (1, 0, 1)
    );
    world.deal(0, 1, (1000, 0));
}

#[test]
fn the_oldest_pairs_make_place() {
    let mut world = limited(|limits| limits.pairs = 2);
    for other in 1..4 {
        let id = world.deal(0, other, (0, 0));
        world.pass(60_000);
        world.complete(0, &id).unwrap();
    }
    let pairs = world.stored.keys().filter(|key| key.kind == Kind::Pair);
    let pairs: Vec<_> = pairs.map(|key| key.id.clone()).collect();
    assert_eq!(pairs.len(), 2);
    assert!(!pairs.iter().any(|pair| pair.contains(&world.id(1))));
}
