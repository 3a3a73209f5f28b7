#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use agentchat_market::{Effect, Refusal, draw};
use agentchat_protocol::{json as js, sha256_hex, signing};
use serde_json::{Value, json};

use crate::world::{World, code, frames, hooks, keys, sent, text};

const MINUTE: i64 = 60_000;
const NONCE: &str = "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn";

/// Two parties, 0 and 1, with a deal; the others may judge.
struct Court {
    world: World,
    proposal: String,
    dispute: String,
}

impl Court {
    fn new(judges: u8) -> Self {
        Self::staked(judges, (0, 0))
    }

    fn staked(judges: u8, stakes: (i64, i64)) -> Self {
        let mut world = World::new(2 + judges);
        for judge in 2..2 + usize::from(judges) {
            world.rate(judge, 1200, 10);
        }
        let proposal = world.deal(0, 1, stakes);
        Self {
            world,
            proposal,
            dispute: String::new(),
        }
    }

    fn intent(&mut self, agent: usize) -> Result<Vec<Effect>, Refusal> {
        let commitment = sha256_hex(NONCE);
        let reason = "s3cret reason";
        let frame = json!({"type": "DISPUTE_INTENT", "proposal_id": self.proposal, "reason": reason,
            "commitment": commitment});
        let text = signing::dispute_intent(&self.proposal, reason, &commitment);
        let effects = self.world.signed(agent, frame, &text)?;
        let ack = &frames(&effects, &self.world.id(agent))[0];
        self.dispute = ack["dispute_id"].as_str().unwrap().to_owned();
        Ok(effects)
    }

    fn reveal(&mut self, agent: usize, nonce: &str) -> Result<Vec<Effect>, Refusal> {
        let frame = json!({"type": "DISPUTE_REVEAL", "proposal_id": self.proposal, "nonce": nonce});
        let text = signing::dispute_reveal(&self.proposal, nonce);
        self.world.signed(agent, frame, &text)
    }

    /// The dispute of agent 0 with a panel; gives its three arbiters.
    fn panel(&mut self) -> Vec<usize> {
        self.intent(0).unwrap();
        let effects = self.reveal(0, NONCE).unwrap();
        let formed = &frames(&effects, &self.world.id(0))[0];
        let arbiters = formed["arbiters"].as_array().unwrap().iter();
        arbiters
            .map(|id| self.agent(id.as_str().unwrap()))
            .collect()
    }

    fn agent(&self, id: &str) -> usize {
        self.world
            .agents
            .iter()
            .position(|a| a.actor.id == id)
            .unwrap()
    }

    fn judge(&mut self, agent: usize) -> Result<Vec<Effect>, Refusal> {
        let frame = json!({"type": "ARBITER_ACCEPT", "dispute_id": self.dispute});
        let text = signing::arbiter_accept(&self.dispute);
        self.world.signed(agent, frame, &text)
    }

    fn decline(&mut self, agent: usize) -> Result<Vec<Effect>, Refusal> {
        let frame = json!({"type": "ARBITER_DECLINE", "dispute_id": self.dispute, "reason": null});
        self.world.ask(agent, &frame)
    }

    fn testify(
        &mut self,
        agent: usize,
        items: &str,
        statement: &str,
    ) -> Result<Vec<Effect>, Refusal> {
        // As text: a signature covers the keys in the order in which they are sent.
        let signed = js::parse(items).unwrap().to_json();
        let text = signing::evidence(&self.dispute, &signed);
        let sig = self.world.agents[agent].key.sign(&text);
        let frame = format!(
            r#"{{"type":"EVIDENCE","dispute_id":"{}","items":{items},"statement":"{statement}","sig":"{sig}"}}"#,
            self.dispute
        );
        self.world.ask_text(agent, &frame)
    }

    fn vote(&mut self, agent: usize, verdict: &str) -> Result<Vec<Effect>, Refusal> {
        let frame = json!({"type": "ARBITER_VOTE", "dispute_id": self.dispute, "verdict": verdict,
            "reasoning": "because"});
        let text = signing::arbiter_vote(&self.dispute, verdict);
        self.world.signed(agent, frame, &text)
    }

    /// A panel that may vote.
    fn deliberation(&mut self) -> Vec<usize> {
        let panel = self.panel();
        for arbiter in &panel {
            self.judge(*arbiter).unwrap();
        }
        self.world.pass(60 * MINUTE);
        panel
    }
}

fn types(effects: &[Effect]) -> Vec<String> {
    sent(effects).into_iter().map(|(type_, _)| type_).collect()
}

#[test]
fn an_intent_is_acknowledged_and_the_other_side_told() {
    let mut court = Court::new(0);
    let effects = court.intent(1).unwrap();
    let (filer, other) = (court.world.id(1), court.world.id(0));
    assert_eq!(
        keys(&effects, &filer).join(" "),
        "type ts dispute_id proposal_id server_nonce"
    );
    let ack = &frames(&effects, &filer)[0];
    assert!(
        ack["dispute_id"]
            .as_str()
            .unwrap()
            .starts_with("disp_loyw3v28_")
    );
    assert_eq!(ack["server_nonce"].as_str().unwrap().len(), 32);
    let note = &frames(&effects, &other)[0];
    assert_eq!(
        (&note["type"], &note["from"], &note["to"]),
        (&json!("MSG"), &json!("@server"), &json!(other))
    );
    assert!(
        note["content"]
            .as_str()
            .unwrap()
            .contains("[REDACTED:test] reason")
    );
    assert_eq!(code(court.intent(0)), "DISPUTE_ALREADY_EXISTS");
}

#[test]
fn an_intent_is_checked_in_order() {
    let mut court = Court::new(1);
    assert_eq!(code(court.intent(2)), "NOT_PROPOSAL_PARTY");
    let pending = court.world.propose(0, 1, json!({})).unwrap();
    let deal = std::mem::replace(&mut court.proposal, pending);
    assert_eq!(code(court.intent(0)), "INVALID_PROPOSAL");
    court.proposal = "prop_x".to_owned();
    assert_eq!(code(court.intent(0)), "PROPOSAL_NOT_FOUND");
    assert_eq!(code(court.reveal(0, NONCE)), "DISPUTE_NOT_FOUND");
    court.proposal = deal;
    court.world.agents[0].actor.lurking = true;
    court.intent(0).unwrap();
    court.world.agents[0].actor.pubkey = None;
    assert_eq!(code(court.reveal(1, NONCE)), "DISPUTE_NOT_PARTY");
    assert_eq!(code(court.reveal(0, NONCE)), "SIGNATURE_REQUIRED");
}

#[test]
fn a_nonce_that_was_not_committed_to_is_refused_and_another_try_allowed() {
    let mut court = Court::new(3);
    court.intent(0).unwrap();
    assert_eq!(
        code(court.reveal(0, "other")),
        "DISPUTE_COMMITMENT_MISMATCH"
    );
    court.reveal(0, NONCE).unwrap();
    assert_eq!(
        code(court.reveal(0, NONCE)),
        "DISPUTE_COMMITMENT_MISMATCH",
        "once is all"
    );
}

#[test]
fn an_intent_that_is_not_revealed_falls_back() {
    let mut court = Court::new(3);
    court.intent(0).unwrap();
    court.world.restart();
    assert_eq!(court.world.pass(10 * MINUTE - 1), []);
    court.world.now += 1;
    assert_eq!(
        code(court.reveal(0, NONCE)),
        "DISPUTE_COMMITMENT_MISMATCH",
        "also before the tick"
    );
    let effects = court.world.pass(0);
    assert_eq!(
        sent(&effects),
        [("DISPUTE_FALLBACK".to_owned(), court.world.id(0))]
    );
    assert_eq!(
        keys(&effects, &court.world.id(0)).join(" "),
        "type ts dispute_id reason"
    );
    assert_eq!(code(court.intent(0)), "DISPUTE_ALREADY_EXISTS", "for ever");
    court.world.contest(0, &court.proposal).unwrap();
}

#[test]
fn the_panel_is_drawn_by_the_seed() {
    let mut court = Court::new(5);
    let effects = court.intent(0).unwrap();
    let server_nonce = frames(&effects, &court.world.id(0))[0]["server_nonce"].clone();
    let effects = court.reveal(0, NONCE).unwrap();
    let nonce = server_nonce.as_str().unwrap();
    let seed = sha256_hex(&format!("{}{NONCE}{nonce}", court.proposal));
    let pool = (2..7).map(|judge| court.world.id(judge)).collect();
    let panel: Vec<String> = draw(&seed, pool).into_iter().take(3).collect();
    let (filer, other, now) = (court.world.id(0), court.world.id(1), court.world.now);
    let told = |type_: &str, to: &String| (type_.to_owned(), to.clone());
    assert_eq!(
        sent(&effects),
        [
            told("PANEL_FORMED", &filer),
            told("PANEL_FORMED", &other),
            told("ARBITER_ASSIGNED", &panel[0]),
            told("ARBITER_ASSIGNED", &panel[1]),
            told("ARBITER_ASSIGNED", &panel[2]),
            told("DISPUTE_REVEALED", &filer),
        ]
    );
    let told = frames(&effects, &filer);
    assert_eq!(
        told[0],
        json!({"type": "PANEL_FORMED", "ts": now, "dispute_id": court.dispute, "proposal_id": court.proposal,
            "arbiters": panel, "disputant": filer, "respondent": other, "evidence_deadline": null,
            "vote_deadline": null, "seed": seed, "server_nonce": server_nonce})
    );
    assert_eq!(
        told[1],
        json!({"type": "DISPUTE_REVEALED", "ts": now, "dispute_id": court.dispute, "panel_size": 3, "seed": seed})
    );
    assert_eq!(
        frames(&effects, &panel[0]),
        [
            json!({"type": "ARBITER_ASSIGNED", "ts": now, "dispute_id": court.dispute, "proposal_id": court.proposal,
            "disputant": filer, "respondent": other, "reason": "[REDACTED:test] reason",
            "response_deadline": now + 30 * MINUTE})
        ]
    );
}

#[test]
fn who_has_no_standing_does_not_judge() {
    let spoil: [fn(&mut World); 5] = [
        |world| world.rate(4, 1199, 10),
        |world| world.rate(4, 1200, 9),
        |world| world.around.online[4].available = false,
        |world| world.around.online[4].keyed = false,
        |world| drop(world.around.online.remove(4)),
    ];
    for spoil in spoil {
        let mut court = Court::new(3);
        spoil(&mut court.world);
        court.intent(0).unwrap();
        let effects = court.reveal(0, NONCE).unwrap();
        assert_eq!(types(&effects), ["DISPUTE_FALLBACK", "DISPUTE_FALLBACK"]);
        let told = &frames(&effects, &court.world.id(1))[0];
        assert_eq!(told["proposal_id"], json!(court.proposal));
    }
}

#[test]
fn nobody_judges_their_own_dispute() {
    let mut court = Court::new(2);
    for party in [0, 1] {
        court.world.rate(party, 1300, 50);
    }
    court.intent(0).unwrap();
    assert_eq!(
        types(&court.reveal(0, NONCE).unwrap())[0],
        "DISPUTE_FALLBACK"
    );
}

#[test]
fn votes_and_evidence_count_no_more_when_time_is_over_also_before_the_tick() {
    let mut court = Court::new(3);
    let panel = court.deliberation();
    court.vote(panel[0], "disputant").unwrap();
    court.world.now += 60 * MINUTE;
    assert_eq!(
        code(court.vote(panel[1], "disputant")),
        "DISPUTE_NOT_ARBITER"
    );
    let effects = court.world.pass(0);
    assert_eq!(frames(&effects, &court.world.id(0))[0]["verdict"], "mutual");

    let mut court = Court::new(3);
    for arbiter in court.panel() {
        court.judge(arbiter).unwrap();
    }
    court.world.now += 60 * MINUTE;
    assert_eq!(code(court.testify(0, "[]", "")), "DISPUTE_DEADLINE_PASSED");
}

#[test]
fn after_a_dispute_without_a_verdict_the_parties_have_a_day() {
    let mut court = Court::new(0);
    court.proposal = court.world.propose(0, 1, json!({"expires": 60})).unwrap();
    let proposal = court.proposal.clone();
    court.world.accept(1, &proposal, 0).unwrap();
    court.world.pass(24 * 60 * MINUTE);
    court.intent(0).unwrap();
    court.world.pass(10 * MINUTE);
    court.world.pass(24 * 60 * MINUTE - 1);
    court.world.contest(0, &proposal).unwrap();
}

#[test]
fn nobody_sits_on_more_than_three_panels() {
    let mut court = Court::new(3);
    for _ in 0..3 {
        assert_eq!(court.panel().len(), 3);
        court.proposal = court.world.deal(0, 1, (0, 0));
    }
    court.intent(0).unwrap();
    assert_eq!(
        types(&court.reveal(0, NONCE).unwrap())[0],
        "DISPUTE_FALLBACK"
    );
}

#[test]
fn evidence_begins_when_all_have_accepted() {
    let mut court = Court::new(3);
    let panel = court.panel();
    assert_eq!(code(court.judge(0)), "DISPUTE_NOT_ARBITER");
    assert_eq!(
        court.judge(panel[0]).unwrap().len(),
        1,
        "only kept, nothing said"
    );
    assert_eq!(code(court.judge(panel[0])), "DISPUTE_NOT_ARBITER");
    court.judge(panel[1]).unwrap();
    assert_eq!(code(court.testify(0, "[]", "s")), "DISPUTE_DEADLINE_PASSED");
    court.world.restart();
    let effects = court.judge(panel[2]).unwrap();
    assert_eq!(types(&effects), ["MSG", "MSG"]);
    assert_eq!(frames(&effects, &court.world.id(1))[0]["from"], "@server");
}

#[test]
fn who_declines_is_replaced_and_the_dispute_goes_on() {
    let mut court = Court::new(4);
    let panel = court.panel();
    let spare = (2..6).find(|judge| !panel.contains(judge)).unwrap();
    assert_eq!(court.decline(0).unwrap(), [], "not an arbiter");
    court.world.now += 20 * MINUTE;
    let effects = court.decline(panel[1]).unwrap();
    let told = &frames(&effects, &court.world.id(spare))[0];
    assert_eq!(
        (&told["type"], &told["is_replacement"]),
        (&json!("ARBITER_ASSIGNED"), &json!(true))
    );
    assert_eq!(
        told["response_deadline"],
        json!(court.world.now + 30 * MINUTE)
    );
    assert_eq!(
        code(court.judge(panel[1])),
        "DISPUTE_NOT_ARBITER",
        "replaced"
    );
    for arbiter in [panel[0], panel[2], spare] {
        court.judge(arbiter).unwrap();
    }
    let ready = court.world.pass(60 * MINUTE);
    assert_eq!(types(&ready), ["CASE_READY"; 3]);
    for arbiter in [panel[0], panel[2]] {
        assert_eq!(types(&court.vote(arbiter, "disputant").unwrap()), [""; 0]);
    }
    let effects = court.vote(spare, "disputant").unwrap();
    assert_eq!(
        types(&effects)[..6],
        ["VERDICT"; 6],
        "who was replaced hears it too"
    );
    let verdict = &frames(&effects, &court.world.id(panel[1]))[0];
    assert_eq!(verdict["arbiter_results"].as_array().unwrap().len(), 3);
}

#[test]
fn too_many_refusals_and_an_empty_pool_fall_back_once() {
    let mut court = Court::new(6);
    let mut panel = court.panel();
    for _ in 0..2 {
        let effects = court.decline(panel.remove(0)).unwrap();
        assert_eq!(types(&effects), ["ARBITER_ASSIGNED"]);
    }
    assert_eq!(
        types(&court.decline(panel[0]).unwrap()),
        ["DISPUTE_FALLBACK", "DISPUTE_FALLBACK"]
    );
    assert_eq!(court.decline(panel[0]).unwrap(), [], "said once");

    let mut court = Court::new(3);
    let panel = court.panel();
    let effects = court.decline(panel[0]).unwrap();
    assert_eq!(types(&effects), ["DISPUTE_FALLBACK", "DISPUTE_FALLBACK"]);
}

#[test]
fn a_decline_may_be_unsigned_and_a_wrong_signature_is_none() {
    let mut court = Court::new(4);
    let panel = court.panel();
    let mut frame =
        json!({"type": "ARBITER_DECLINE", "dispute_id": court.dispute, "sig": "bad-signature"});
    assert_eq!(
        code(court.world.ask(panel[0], &frame)),
        "VERIFICATION_FAILED"
    );
    frame["dispute_id"] = json!("disp_x");
    assert_eq!(code(court.world.ask(panel[0], &frame)), "DISPUTE_NOT_FOUND");
}

#[test]
fn arbiters_who_do_not_answer_end_it() {
    let mut court = Court::new(3);
    let panel = court.panel();
    court.judge(panel[0]).unwrap();
    let effects = court.world.pass(30 * MINUTE);
    assert_eq!(types(&effects), ["DISPUTE_FALLBACK", "DISPUTE_FALLBACK"]);
    assert_eq!(code(court.judge(panel[1])), "DISPUTE_NOT_ARBITER");
}

#[test]
fn evidence_is_given_once_within_its_bounds_and_shown_to_arbiters_alone() {
    let mut court = Court::new(3);
    let panel = court.panel();
    for arbiter in &panel {
        court.judge(*arbiter).unwrap();
    }
    assert_eq!(code(court.testify(panel[0], "[]", "")), "DISPUTE_NOT_PARTY");
    let eleven = format!("[{}]", ["{}"; 11].join(","));
    assert_eq!(
        code(court.testify(0, &eleven, "")),
        "DISPUTE_DEADLINE_PASSED"
    );
    assert_eq!(
        code(court.testify(0, "[]", &"x".repeat(2001))),
        "DISPUTE_DEADLINE_PASSED"
    );
    let grows = format!("{}s3cret", "x".repeat(1986));
    assert_eq!(
        code(court.testify(0, "[]", &grows)),
        "DISPUTE_DEADLINE_PASSED"
    );
    let item = r#"[{"label":"claim","kind":"other","value":"data"}]"#;
    let statement = format!("{}s3cret", "x".repeat(1985));
    let effects = court.testify(0, item, &statement).unwrap();
    assert_eq!(types(&effects), ["EVIDENCE_RECEIVED"; 5]);
    assert_eq!(
        frames(&effects, &court.world.id(1)),
        [
            json!({"type": "EVIDENCE_RECEIVED", "ts": court.world.now, "dispute_id": court.dispute,
            "from": court.world.id(0), "items_count": 1})
        ]
    );
    assert_eq!(
        text(court.testify(0, "[]", "")),
        "you have given evidence, and once is all"
    );
    court.world.restart();
    let effects = court.world.pass(60 * MINUTE);
    let (id, now) = (court.world.id(panel[0]), court.world.now);
    assert_eq!(types(&effects), ["CASE_READY"; 3]);
    assert_eq!(
        keys(&effects, &id).join(" "),
        "type ts dispute_id proposal disputant disputant_evidence respondent respondent_evidence vote_deadline"
    );
    let ready = &frames(&effects, &id)[0];
    assert_eq!(
        ready["disputant_evidence"]["items"],
        json!([{"label": "claim", "kind": "other", "value": "data",
            "hash": "48bdd358778208f1ca7e325349aaa6ca9677ecd19a32fcd5143d83c30ef87015"}])
    );
    let shown = ready["disputant_evidence"]["statement"].as_str().unwrap();
    assert_eq!(
        (shown.len(), shown.ends_with("[REDACTED:test]")),
        (2000, true)
    );
    assert_eq!(
        (&ready["respondent_evidence"], &ready["vote_deadline"]),
        (&Value::Null, &json!(now + 60 * MINUTE))
    );
    assert_eq!(
        ready["proposal"],
        json!({"id": court.proposal, "from": court.world.id(0), "to": court.world.id(1), "task": "Test task",
            "amount": null, "currency": null})
    );
    assert_eq!(code(court.testify(1, "[]", "")), "DISPUTE_DEADLINE_PASSED");
}

#[test]
fn a_majority_decides_and_the_deal_is_over() {
    let mut court = Court::staked(3, (50, 30));
    let panel = court.deliberation();
    assert_eq!(code(court.vote(0, "disputant")), "DISPUTE_NOT_ARBITER");
    court.vote(panel[0], "disputant").unwrap();
    assert_eq!(
        code(court.vote(panel[0], "mutual")),
        "DISPUTE_NOT_ARBITER",
        "once is all"
    );
    court.vote(panel[1], "respondent").unwrap();
    court.world.restart();
    let effects = court.vote(panel[2], "disputant").unwrap();
    let expected = [["VERDICT"; 5], ["SETTLEMENT_COMPLETE"; 5]].concat();
    assert_eq!(types(&effects), expected);
    let (filer, other, now) = (court.world.id(0), court.world.id(1), court.world.now);
    let arbiter = |place: usize| court.world.id(panel[place]);
    let vote = |place, verdict| json!({"arbiter": arbiter(place), "verdict": verdict, "reasoning": "because"});
    let result = |place, verdict, reward| {
        let mut result = vote(place, verdict);
        result["reward"] = json!(reward);
        result
    };
    let told = frames(&effects, &other);
    assert_eq!(
        told[0],
        json!({"type": "VERDICT", "ts": now, "dispute_id": court.dispute, "proposal_id": court.proposal,
            "verdict": "disputant",
            "votes": [vote(0, "disputant"), vote(1, "respondent"), vote(2, "disputant")],
            "arbiter_results": [result(0, "disputant", 5), result(1, "respondent", 0), result(2, "disputant", 5)],
            "resolved_at": now})
    );
    let change = |new, change| json!({"oldRating": 1200, "newRating": new, "change": change});
    assert_eq!(
        told[1],
        json!({"type": "SETTLEMENT_COMPLETE", "ts": now, "dispute_id": court.dispute,
            "proposal_id": court.proposal, "verdict": "disputant", "rating_changes": {
                filer: change(1204, 4), other: change(1192, -8), arbiter(0): change(1205, 5),
                arbiter(1): change(1200, 0), arbiter(2): change(1205, 5)}})
    );
    assert_eq!(court.world.rating(panel[1]), (1200, 11));
    assert_eq!(hooks(&effects)[0]["event"], "settlement:verdict");
    let proposal = court.proposal.clone();
    assert_eq!(
        text(court.world.complete(0, &proposal)),
        "PROPOSAL_NOT_ACCEPTED"
    );
    assert_eq!(
        text(court.world.contest(1, &proposal)),
        "PROPOSAL_NOT_ACCEPTED"
    );
    court.world.deal(0, 1, (1104, 1092));
}

#[test]
fn who_does_not_vote_forfeits_and_without_a_majority_both_lose() {
    let mut court = Court::new(3);
    let panel = court.deliberation();
    court.vote(panel[0], "disputant").unwrap();
    let effects = court.world.pass(60 * MINUTE);
    let verdict = &frames(&effects, &court.world.id(0))[0];
    assert_eq!(
        (
            &verdict["verdict"],
            verdict["votes"].as_array().unwrap().len()
        ),
        (&json!("mutual"), 1)
    );
    assert_eq!(
        verdict["arbiter_results"][1],
        json!({"arbiter": court.world.id(panel[1]), "verdict": null, "reasoning": null, "reward": -25})
    );
    let ratings = [0, 1, panel[0], panel[1], panel[2]].map(|agent| court.world.rating(agent).0);
    assert_eq!(ratings, [1192, 1192, 1200, 1175, 1175]);
}

#[test]
fn a_vote_has_a_short_reasoning() {
    let mut court = Court::new(3);
    let panel = court.deliberation();
    let text = signing::arbiter_vote(&court.dispute, "mutual");
    let mut frame = json!({"type": "ARBITER_VOTE", "dispute_id": court.dispute, "verdict": "mutual",
        "reasoning": "x".repeat(501)});
    assert_eq!(
        code(court.world.signed(panel[0], frame.clone(), &text)),
        "DISPUTE_NOT_ARBITER"
    );
    frame["reasoning"] = json!("x".repeat(500));
    court.world.signed(panel[0], frame, &text).unwrap();
}

#[test]
fn a_proposal_before_the_court_is_kept_until_that_is_over() {
    let mut court = Court::new(3);
    let more = json!({"expires": 60});
    court.proposal = court.world.propose(0, 1, more).unwrap();
    let proposal = court.proposal.clone();
    court.world.accept(1, &proposal, 0).unwrap();
    court.world.pass(24 * 60 * MINUTE + 50_000);
    let panel = court.deliberation();
    court.vote(panel[0], "disputant").unwrap();
    court.vote(panel[1], "disputant").unwrap();
    let effects = court.vote(panel[2], "disputant").unwrap();
    assert_eq!(types(&effects).len(), 10);
    let kept = |court: &Court| {
        court
            .world
            .market
            .records()
            .iter()
            .any(|r| r.key().id == court.proposal)
    };
    court.world.pass(24 * 60 * MINUTE - 1);
    assert!(kept(&court));
    court.world.pass(1);
    assert!(!kept(&court));
    assert_eq!(code(court.vote(panel[0], "disputant")), "DISPUTE_NOT_FOUND");
}
