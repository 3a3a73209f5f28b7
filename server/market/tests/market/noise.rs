//! Frames that make little sense, from everybody, in any state: nothing panics, and a refusal changes nothing.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use agentchat_market::TYPES;
use agentchat_protocol::{json, signing};
use proptest::{prelude::*, sample::select};
use serde_json::{Value, json};

use crate::harness::{TestHarness, frames};

const KEYS: [&str; 24] = [
    "to",
    "task",
    "sig",
    "expires",
    "elo_stake",
    "amount",
    "currency",
    "payment_code",
    "terms",
    "capability",
    "proposal_id",
    "dispute_id",
    "reason",
    "proof",
    "commitment",
    "nonce",
    "items",
    "statement",
    "verdict",
    "reasoning",
    "skills",
    "query",
    "query_id",
    "limit",
];

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[@#a-z_0-9|\u{0}\u{1f600}]{0,8}".prop_map(Value::from),
        select(vec![
            "mutual",
            "disputant",
            "__proto__",
            "toString",
            "PROPOSAL",
            "DISPUTE",
            "AGENT"
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::hash_map(
                select(vec![
                    "capability",
                    "rate",
                    "currency",
                    "max_rate",
                    "limit",
                    "hash",
                    "0"
                ]),
                inner,
                0..4
            )
            .prop_map(|fields| json!(fields)),
        ]
    })
}

fn frame() -> impl Strategy<Value = Value> {
    let fields = proptest::collection::hash_map(select(KEYS.to_vec()), value(), 0..10);
    (select(TYPES.to_vec()), fields).prop_map(|(type_, fields)| {
        let mut frame = json!(fields);
        frame["type"] = json!(type_);
        frame
    })
}

/// Placeholders for what is known only later.
fn known(frame: &mut Value, harness: &TestHarness, ids: &[String; 2]) {
    let [proposal, dispute] = ids;
    for (_, value) in frame.as_object_mut().into_iter().flatten() {
        match value.as_str() {
            Some("PROPOSAL") => *value = json!(proposal),
            Some("DISPUTE") => *value = json!(dispute),
            Some("AGENT") => *value = json!(harness.id(1)),
            _ => {}
        }
    }
}

/// What the signature of a frame covers, as far as its fields are what they should be.
fn signed(frame: &Value) -> String {
    let text = |key: &str| frame[key].as_str().unwrap_or_default();
    let some = |key: &str| frame[key].as_str();
    let list = |key: &str| json::parse(&frame[key].to_string()).unwrap().to_json();
    let (proposal, dispute) = (text("proposal_id"), text("dispute_id"));
    let stake = frame["elo_stake"].as_i64();
    match text("type") {
        "REGISTER_SKILLS" => signing::register_skills(&list("skills")),
        "PROPOSAL" => signing::proposal(&signing::ProposalTerms {
            to: text("to"),
            task: text("task"),
            amount: frame["amount"].as_f64(),
            currency: some("currency"),
            payment_code: some("payment_code"),
            expires: frame["expires"].as_f64(),
            elo_stake: stake,
        }),
        "ACCEPT" => signing::accept(proposal, some("payment_code"), stake),
        "REJECT" => signing::reject(proposal, some("reason")),
        "COMPLETE" => signing::complete(proposal, some("proof")),
        "DISPUTE" => signing::dispute(proposal, text("reason")),
        "DISPUTE_INTENT" => signing::dispute_intent(proposal, text("reason"), text("commitment")),
        "DISPUTE_REVEAL" => signing::dispute_reveal(proposal, text("nonce")),
        "EVIDENCE" => signing::evidence(dispute, &list("items")),
        "ARBITER_ACCEPT" => signing::arbiter_accept(dispute),
        "ARBITER_DECLINE" => signing::arbiter_decline(dispute, some("reason")),
        _ => signing::arbiter_vote(dispute, text("verdict")),
    }
}

fn dispute(harness: &mut TestHarness, proposal: &str) -> String {
    let frame = json!({"type": "DISPUTE_INTENT", "proposal_id": proposal, "reason": "r", "commitment": "c"});
    let text = signing::dispute_intent(proposal, "r", "c");
    let effects = harness.signed(0, frame, &text).unwrap();
    let ack = &frames(&effects, &harness.id(0))[0];
    ack["dispute_id"].as_str().unwrap().to_owned()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_frame_does_harm(
        noise in proptest::collection::vec((0..3_usize, frame(), ".{0,40}"), 1..40),
    ) {
        let mut harness = TestHarness::new(3);
        let proposal = harness.deal(0, 1, (10, 10));
        let ids = [proposal.clone(), dispute(&mut harness, &proposal)];
        for (agent, mut frame, text) in noise {
            let type_ = frame["type"].clone();
            known(&mut frame, &harness, &ids);
            frame["type"] = type_;
            // Refused or not, it ends; `TestHarness` sees that a refusal changes nothing.
            harness.ask(agent, &frame).ok();
            harness.ask_text(agent, &text).unwrap_err();
            // Signed, it comes further.
            let signed = signed(&frame);
            harness.signed(agent, frame, &signed).ok();
        }
        let kept = harness.stored.values().cloned().collect::<Vec<_>>();
        prop_assert_eq!(harness.market.records(), kept);
    }
}
