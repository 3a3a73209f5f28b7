//! What is due while the disk is full.

use agentchat_protocol::{sha256_hex, signing};

use super::*;
use crate::disk::Guard;

/// A dispute between two agents, whose nonce is to be revealed within a millisecond.
fn dispute(fixture: &mut Fixture, keys: &[Identity; 2], ada: &mut Queue) {
    let to = format!("@{}", keys[1].agent_id());
    let terms = signing::ProposalTerms {
        to: &to,
        task: "t",
        ..signing::ProposalTerms::default()
    };
    let sig = keys[0].sign(&signing::proposal(&terms));
    fixture.batch(&[(
        1,
        json!({"type": "PROPOSAL", "to": to, "task": "t", "sig": sig}),
    )]);
    let proposal = received(ada).pop().unwrap()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let sig = keys[1].sign(&signing::accept(&proposal, None, None));
    let commitment = sha256_hex("n");
    let intent = keys[0].sign(&signing::dispute_intent(&proposal, "r", &commitment));
    fixture.batch(&[
        (
            2,
            json!({"type": "ACCEPT", "proposal_id": proposal, "sig": sig}),
        ),
        (
            1,
            json!({"type": "DISPUTE_INTENT", "proposal_id": proposal, "reason": "r",
                "commitment": commitment, "sig": intent}),
        ),
    ]);
}

fn hears(queue: &mut Queue, type_: &str) -> bool {
    received(queue).iter().any(|frame| frame["type"] == type_)
}

#[test]
fn the_court_waits_for_room() {
    let mut fixture = Fixture::with(json!({"dispute_reveal_ms": 1}), |_| {});
    let keys = [(); 2].map(|()| Identity::generate().unwrap());
    let (mut ada, _ada) = fixture.agent_of(1, "ada", &keys[0]);
    let (_sam, _cut) = fixture.agent_of(2, "sam", &keys[1]);
    dispute(&mut fixture, &keys, &mut ada);
    fixture.hub.disk = Guard::new(u64::MAX);
    let before = fixture.hub.store.changes();
    assert!(hears(&mut ada, "DISPUTE_INTENT_ACK"));
    let due = fixture.hub.market.next_wake().unwrap();
    while now_ms() <= due {
        std::hint::spin_loop();
    }
    fixture.batch(&[(1, json!({"type": "PING"}))]);
    assert!(!hears(&mut ada, "DISPUTE_FALLBACK"));
    assert_eq!(fixture.hub.store.changes(), before);
    fixture.hub.disk = Guard::new(0);
    fixture.batch(&[]);
    assert!(hears(&mut ada, "DISPUTE_FALLBACK"));
}
