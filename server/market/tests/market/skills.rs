#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use agentchat_market::{Effect, Limits};
use agentchat_protocol::{json, signing};
use serde_json::{Value, json};

use crate::harness::{TestHarness, announced, code, frames, keys};

fn register(harness: &mut TestHarness, agent: usize, skills: &str) -> Vec<Effect> {
    let signed = json::parse(skills).unwrap().to_json();
    let sig = harness.agents[agent]
        .key
        .sign(&signing::register_skills(&signed));
    let frame = format!(r#"{{"type":"REGISTER_SKILLS","skills":{skills},"sig":"{sig}"}}"#);
    harness.ask_text(agent, &frame).unwrap()
}

fn search(harness: &mut TestHarness, query: &Value) -> Value {
    let frame = json!({"type": "SEARCH_SKILLS", "query": query, "query_id": "q1"});
    let effects = harness.ask(0, &frame).unwrap();
    frames(&effects, &harness.id(0)).remove(0)
}

fn found(harness: &mut TestHarness, query: &Value) -> Vec<String> {
    let results = search(harness, query)["results"].clone();
    let results = results.as_array().unwrap().iter();
    results
        .map(|row| row["capability"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn registered_skills_are_confirmed_announced_and_found() {
    let mut harness = TestHarness::new(2);
    let (id, now) = (harness.id(1), harness.now);
    let effects = register(
        &mut harness,
        1,
        r#"[{"capability":"code_review","rate":5.0,"x":{"2":1,"a":"\ud800"}}, {"capability":"poems"}]"#,
    );
    assert_eq!(
        frames(&effects, &id),
        [
            json!({"type": "SKILLS_REGISTERED", "ts": now, "agent_id": id, "skills_count": 2, "registered_at": now})
        ]
    );
    let said = announced(&effects);
    assert_eq!((said.len(), said[0].0, said[0].2), (1, "#discovery", false));
    assert!(said[0].1.contains("code_review, poems") && said[0].1.contains(&id));

    harness.restart();
    let answer = search(&mut harness, &json!({"capability": "REVIEW"}));
    assert_eq!(
        answer,
        json!({"type": "SEARCH_RESULTS", "ts": now, "query_id": "q1", "query": {"capability": "REVIEW"}, "total": 1,
            "results": [{"capability": "code_review", "rate": 5, "x": {"2": 1, "a": "\u{fffd}"}, "agent_id": id,
                "registered_at": now, "agent_rating": 1200, "agent_transactions": 0, "skill_rating": 1200,
                "skill_transactions": 0, "skill_updated": null}]})
    );
    register(&mut harness, 1, r#"[{"capability":"songs"}]"#);
    assert_eq!(
        found(&mut harness, &json!({})),
        ["songs"],
        "a new list replaces the old one"
    );
}

#[test]
fn queries_filter_and_order() {
    let mut harness = TestHarness::new(4);
    register(
        &mut harness,
        1,
        r#"[{"capability":"a","rate":5,"currency":"SOL"},{"capability":"ab","rate":50}]"#,
    );
    harness.now += 1;
    register(&mut harness, 2, r#"[{"capability":"Ac"}]"#);
    harness.now += 1;
    register(&mut harness, 3, r#"[{"capability":"x","currency":"usd"}]"#);
    let all = &json!({});
    assert_eq!(
        found(&mut harness, all),
        ["x", "Ac", "a", "ab"],
        "the newest first"
    );
    assert_eq!(
        found(&mut harness, &json!({"capability": "A"})),
        ["Ac", "a", "ab"]
    );
    assert_eq!(
        found(&mut harness, &json!({"max_rate": 5})),
        ["x", "Ac", "a"]
    );
    assert_eq!(
        found(&mut harness, &json!({"currency": "sol"})),
        ["Ac", "a", "ab"]
    );
    let cut = search(&mut harness, &json!({"limit": 2}));
    assert_eq!(
        (cut["results"].as_array().unwrap().len(), &cut["total"]),
        (2, &json!(4))
    );
    harness.rate(1, 1300, 3);
    assert_eq!(
        found(&mut harness, all),
        ["a", "ab", "x", "Ac"],
        "the best rated first"
    );
}

#[test]
fn nobody_is_impersonated_by_a_skill() {
    let mut harness = TestHarness::new(3);
    let (own, other) = (harness.id(1), harness.id(2));
    let skill = format!(r#"[{{"agent_id":"{other}","agent_rating":9999,"capability":"a"}}]"#);
    register(&mut harness, 1, &skill);
    let row = search(&mut harness, &json!({}))["results"][0].clone();
    assert_eq!(
        (&row["agent_id"], &row["agent_rating"]),
        (&json!(own), &json!(1200))
    );
}

#[test]
fn only_who_has_a_key_and_does_not_lurk_registers() {
    let mut harness = TestHarness::new(2);
    let frame =
        json!({"type": "REGISTER_SKILLS", "skills": [{"capability": "a"}], "sig": "bad-signature"});
    assert_eq!(code(harness.ask(1, &frame)), "VERIFICATION_FAILED");
    harness.agents[1].actor.lurking = true;
    assert_eq!(code(harness.ask(1, &frame)), "LURK_MODE");
    harness.agents[1].actor.pubkey = None;
    assert_eq!(code(harness.ask(1, &frame)), "SIGNATURE_REQUIRED");
    let search = json!({"type": "SEARCH_SKILLS", "query": {}});
    assert!(harness.ask(1, &search).is_ok(), "who lurks may search");
}

#[test]
fn an_answer_has_so_many_rows_and_no_more() {
    let mut harness = TestHarness::with(
        5,
        Limits {
            results: 60,
            ..Limits::default()
        },
    );
    let skills = format!("[{}]", [r#"{"capability":"a"}"#; 25].join(","));
    for agent in 0..5 {
        register(&mut harness, agent, &skills);
    }
    for (query, rows) in [
        (json!({}), 50),
        (json!({"limit": 0}), 50),
        (json!({"limit": 1.9}), 1),
        (json!({"limit": 60}), 60),
        (json!({"limit": 61}), 60),
        (json!({"limit": 1e300}), 60),
    ] {
        assert_eq!(found(&mut harness, &query).len(), rows, "{query}");
    }
}

#[test]
fn the_oldest_registrations_make_place() {
    let limits = Limits {
        skills: 3,
        ..Limits::default()
    };
    let mut harness = TestHarness::with(4, limits);
    for agent in 1..=3 {
        harness.now += 1;
        register(&mut harness, agent, r#"[{"capability":"a"}]"#);
    }
    register(
        &mut harness,
        3,
        r#"[{"capability":"b"},{"capability":"c"}]"#,
    );
    assert_eq!(found(&mut harness, &json!({})), ["b", "c", "a"]);
    assert_eq!(
        search(&mut harness, &json!({}))["results"][2]["agent_id"],
        json!(harness.id(2))
    );
    assert_eq!(
        keys(
            &register(&mut harness, 2, r#"[{"capability":"d"}]"#),
            &harness.id(2)
        ),
        ["type", "ts", "agent_id", "skills_count", "registered_at"]
    );
}
