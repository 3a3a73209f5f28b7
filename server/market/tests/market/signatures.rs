//! Signatures of version 2: over all fields, for one server, for now.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use agentchat_market::{Effect, Market, Refusal};
use agentchat_protocol::{json as js, signing::version_2};
use serde_json::{Value, json};

use crate::harness::{TestHarness, code, frames};

const DAY: i64 = 24 * 3_600_000;

/// One whose server has an id.
fn harness() -> TestHarness {
    let mut harness = TestHarness::new(2);
    let empty = Market::new(harness.market.limits().clone());
    harness.market = empty.on("this-server".to_owned());
    harness
}

/// Signs a frame as it stands.
fn sign(harness: &TestHarness, agent: usize, frame: &Value, server: &str, at: i64) -> String {
    let object = js::parse(&frame.to_string()).unwrap();
    let id = harness.id(agent);
    let text = version_2::text(server, &id, at, object.as_object().unwrap()).unwrap();
    version_2::sig(at, &harness.agents[agent].key.sign(&text))
}

fn ask(harness: &mut TestHarness, agent: usize, mut frame: Value) -> Result<Vec<Effect>, Refusal> {
    let sig = sign(harness, agent, &frame, "this-server", harness.now);
    frame["sig"] = sig.into();
    harness.ask(agent, &frame)
}

#[test]
fn a_deal_and_a_dispute_can_be_signed_with_it() {
    let mut harness = harness();
    let (ada, sam) = (harness.id(0), harness.id(1));
    let propose = json!({"type": "PROPOSAL", "to": sam, "task": "a|b", "terms": "none", "expires": 60,
        "amount": 1.5, "elo_stake": 0});
    let effects = ask(&mut harness, 0, propose).unwrap();
    let told = frames(&effects, &sam).remove(0);
    assert!(told["sig"].as_str().unwrap().starts_with("v2."), "{told}");
    let id = &told["id"];
    let accept = json!({"type": "ACCEPT", "proposal_id": id, "payment_code": null});
    ask(&mut harness, 1, accept).unwrap();
    let commitment = agentchat_protocol::sha256_hex("n");
    let intent = json!({"type": "DISPUTE_INTENT", "proposal_id": id, "reason": "r", "commitment": commitment});
    ask(&mut harness, 0, intent).unwrap();
    let reveal = json!({"type": "DISPUTE_REVEAL", "proposal_id": id, "nonce": "n"});
    let effects = ask(&mut harness, 0, reveal).unwrap();
    assert_eq!(frames(&effects, &ada)[0]["type"], "DISPUTE_FALLBACK");
    harness.now += 60_000;
    let complete = json!({"type": "COMPLETE", "proposal_id": id, "proof": "done"});
    ask(&mut harness, 1, complete).unwrap();
    let skills =
        json!({"type": "REGISTER_SKILLS", "skills": [{"z": 1, "capability": "c", "2": 1}]});
    ask(&mut harness, 0, skills).unwrap();
}

#[test]
fn it_covers_every_field_and_whose_where_and_when() {
    let mut harness = harness();
    let sam = harness.id(1);
    let frame =
        json!({"type": "PROPOSAL", "to": sam, "task": "t", "terms": "t", "capability": "c"});
    let sig = sign(&harness, 0, &frame, "this-server", harness.now);
    for (field, other) in [
        ("task", json!("t ")),
        ("terms", json!("other")),
        ("capability", Value::Null),
        ("amount", json!(1)),
        ("elo_stake", json!(0)),
        ("payment_code", json!("x")),
    ] {
        let mut changed = frame.clone();
        changed[field] = other;
        changed["sig"] = sig.clone().into();
        assert_eq!(
            code(harness.ask(0, &changed)),
            "VERIFICATION_FAILED",
            "{field}"
        );
    }
    let (day, now) = (DAY, harness.now);
    for (signer, server, at, good) in [
        (0, "another-server", now, false),
        (1, "this-server", now, false),
        (0, "this-server", now - day - 1, false),
        (0, "this-server", now + day + 1, false),
        (0, "this-server", now - day, true),
        (0, "this-server", now + day, true),
    ] {
        let mut frame = frame.clone();
        frame["sig"] = sign(&harness, signer, &frame, server, at).into();
        let done = harness.ask(0, &frame);
        assert_eq!(done.is_ok(), good, "{signer} {server} {at}: {done:?}");
    }
}

#[test]
fn a_bar_in_a_text_makes_two_requests_alike_only_in_version_1() {
    let mut harness = harness();
    let sam = harness.id(1);
    // What was of the task becomes a price, and version 1 signs the same text.
    let free = json!({"type": "PROPOSAL", "to": sam, "task": "t|5", "payment_code": "x"});
    let mut paid =
        json!({"type": "PROPOSAL", "to": sam, "task": "t", "amount": 5, "payment_code": "|x"});
    paid["sig"] = sign(&harness, 0, &free, "this-server", harness.now).into();
    assert_eq!(code(harness.ask(0, &paid)), "VERIFICATION_FAILED");
    let first = harness.agents[0].key.sign(&format!("{sam}|t|5|||x||"));
    for mut frame in [free, paid] {
        frame["sig"] = first.clone().into();
        harness.ask(0, &frame).unwrap();
    }
}
