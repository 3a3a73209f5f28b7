//! The marketplace over real sockets: what was told outlives a kill, and time goes on by itself.

use agentchat_market::{Rating, Record};
use agentchat_protocol::{Identity, json as js, sha256_hex, signing};
use agentchat_store::Store;
use serde_json::{Value, json};

use crate::{
    process::Server,
    raw::Raw,
    shapes::{fields, hears},
};

/// An agent with a key.
struct Agent {
    key: Identity,
    id: String,
    raw: Raw,
}

impl Agent {
    async fn enter(server: &Server, key: Identity) -> Self {
        let mut raw = server.raw().await;
        raw.enter("agent", &key).await;
        let id = format!("@{}", key.agent_id());
        Self { key, id, raw }
    }

    async fn new(server: &Server) -> Self {
        Self::enter(server, Identity::generate().unwrap()).await
    }

    async fn again(self, server: &Server) -> Self {
        Self::enter(server, self.key).await
    }

    /// Sends a frame with a signature over a text.
    async fn sign(&mut self, mut frame: Value, text: &str) {
        frame["sig"] = self.key.sign(text).into();
        self.raw.tell(frame).await;
    }

    /// Makes a proposal; gives the echo.
    async fn propose(&mut self, to: &str, stake: i64) -> Value {
        let terms = signing::ProposalTerms {
            to,
            task: "t",
            elo_stake: Some(stake),
            ..signing::ProposalTerms::default()
        };
        let text = signing::proposal(&terms);
        let frame = json!({"type": "PROPOSAL", "to": to, "task": "t", "elo_stake": stake});
        self.sign(frame, &text).await;
        self.raw.hear("PROPOSAL").await
    }

    async fn accept(&mut self, id: &str) -> Value {
        let text = signing::accept(id, None, None);
        let frame = json!({"type": "ACCEPT", "proposal_id": id, "elo_stake": null});
        self.sign(frame, &text).await;
        self.raw.hear("ACCEPT").await
    }

    async fn intent(&mut self, proposal: &str) -> Value {
        let commitment = sha256_hex("nonce");
        let text = signing::dispute_intent(proposal, "r", &commitment);
        let frame = json!({"type": "DISPUTE_INTENT", "proposal_id": proposal, "reason": "r",
            "commitment": commitment});
        self.sign(frame, &text).await;
        self.raw.hear("DISPUTE_INTENT_ACK").await
    }
}

fn text(frame: &Value, key: &str) -> String {
    frame[key].as_str().unwrap().to_owned()
}

fn server(args: &[&str]) -> Server {
    let open = ["--lurk-disabled", "true", "--announcements", "false"];
    let quick = ["--min-proposal-age-ms", "0"];
    Server::protocol(&[&open[..], &quick[..], args].concat())
}

#[tokio::test]
async fn whoever_follows_escrows_is_told_of_a_stake() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/escrows", listener.local_addr().unwrap());
    let server = server(&["--escrow-webhook-url", &url]);
    let mut ada = Agent::new(&server).await;
    let mut sam = Agent::new(&server).await;
    let id = text(&ada.propose(&sam.id, 10).await, "id");
    sam.accept(&id).await;
    let (mut tcp, _) = tokio::time::timeout(crate::DEADLINE, listener.accept())
        .await
        .unwrap()
        .unwrap();
    let mut told = String::new();
    while !told.ends_with('}') {
        let mut piece = [0; 4096];
        let length = tokio::io::AsyncReadExt::read(&mut tcp, &mut piece)
            .await
            .unwrap();
        assert!(length > 0, "{told}");
        told.push_str(std::str::from_utf8(&piece[..length]).unwrap());
    }
    let event: Value = serde_json::from_str(told.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    assert_eq!(
        (
            &event["event"],
            &event["proposal_id"],
            &event["proposer_stake"]
        ),
        (&json!("escrow:created"), &json!(id), &json!(10))
    );
}

#[tokio::test]
async fn a_follower_of_escrows_that_never_answers_holds_nobody_up() {
    // Connections wait there for ever.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/escrows", listener.local_addr().unwrap());
    let mut server = server(&["--escrow-webhook-url", &url]);
    let mut ada = Agent::new(&server).await;
    let mut sam = Agent::new(&server).await;
    for _ in 0..50 {
        let id = text(&ada.propose(&sam.id, 1).await, "id");
        sam.accept(&id).await;
    }
    // Nor the end.
    let within = std::time::Duration::from_secs(8);
    assert!(server.terminate(within).await.success());
}

#[tokio::test]
async fn a_deal_outlives_a_kill_with_its_stakes() {
    let mut server = server(&[]);
    let mut ada = Agent::new(&server).await;
    let mut sam = Agent::new(&server).await;
    let echo = ada.propose(&sam.id, 1100).await;
    let id = text(&echo, "id");
    assert_eq!(sam.raw.hear("PROPOSAL").await["sig"], echo["sig"]);
    let said = sam.raw.hear_until(|f| f["to"] == "#bounties").await;
    assert!(text(said.last().unwrap(), "content").contains(&id));
    assert_eq!(sam.accept(&id).await["proposer_stake"], 1100);

    server.kill_and_restart();
    let (mut ada, mut sam) = (ada.again(&server).await, sam.again(&server).await);
    let more = text(&ada.propose(&sam.id, 1).await, "id");
    let frame = json!({"type": "ACCEPT", "proposal_id": more});
    sam.sign(frame, &signing::accept(&more, None, None)).await;
    assert_eq!(
        sam.raw.hear("ERROR").await["code"],
        "INSUFFICIENT_REPUTATION"
    );
    let frame = json!({"type": "COMPLETE", "proposal_id": id, "proof": null});
    sam.sign(frame, &signing::complete(&id, None)).await;
    let done = ada.raw.hear("COMPLETE").await;
    assert_eq!(done["rating_changes"][&ada.id]["newRating"], 1208);
    assert_eq!(done["rating_changes"]["_escrow"]["settlement"], "returned");

    server.kill_and_restart();
    let mut ada = ada.again(&server).await;
    let skills = r#"[{"z":1,"capability":"c","a":"\ud83d","rate":2.0}]"#;
    let signed = js::parse(skills).unwrap().to_json();
    let sig = ada.key.sign(&signing::register_skills(&signed));
    let frame = format!(r#"{{"type":"REGISTER_SKILLS","skills":{skills},"sig":"{sig}"}}"#);
    ada.raw.tell_text(&frame).await;
    assert_eq!(ada.raw.hear("SKILLS_REGISTERED").await["skills_count"], 1);
    let said = ada.raw.hear_until(|f| f["to"] == "#discovery").await;
    assert!(
        said.last().unwrap().get("offset").is_none(),
        "it is no history"
    );
    server.kill_and_restart();
    let mut ada = ada.again(&server).await;
    ada.raw
        .tell(json!({"type": "SEARCH_SKILLS", "query": {}}))
        .await;
    let found = ada.raw.hear("SEARCH_RESULTS").await["results"][0].clone();
    let row = (
        &found["agent_rating"],
        &found["agent_transactions"],
        &found["a"],
    );
    assert_eq!(row, (&json!(1208), &json!(1), &json!("\u{fffd}")));
}

#[tokio::test]
async fn a_dispute_goes_on_by_itself_when_time_is_over_also_after_a_kill() {
    let mut server = server(&["--dispute-reveal-ms", "1500"]);
    let mut ada = Agent::new(&server).await;
    let mut sam = Agent::new(&server).await;
    let id = text(&ada.propose(&sam.id, 0).await, "id");
    sam.accept(&id).await;
    ada.intent(&id).await;
    server.kill_and_restart();
    let mut ada = ada.again(&server).await;
    assert!(ada.raw.hear("DISPUTE_FALLBACK").await["reason"].is_string());
}

#[tokio::test]
async fn the_court_comes_to_a_verdict() {
    let mut server = server(&["--dispute-evidence-ms", "3000"]);
    let keys: Vec<_> = (0..5).map(|_| Identity::generate().unwrap()).collect();
    // Arbiters need a rating that takes many deals.
    server.terminate(crate::DEADLINE).await;
    let store = Store::open(&server.dir.path().join("data/chat.db")).unwrap();
    for key in &keys[2..] {
        let agent = format!("@{}", key.agent_id());
        let rating = Rating {
            agent,
            rating: 1200,
            transactions: 10,
            updated_at: None,
        };
        store.keep(&Record::Rating(rating)).unwrap();
    }
    drop(store);
    server.kill_and_restart();

    let mut agents = vec![];
    for key in keys {
        agents.push(Agent::enter(&server, key).await);
    }
    let mut panel = agents.split_off(2);
    let [mut ada, mut sam] = <[Agent; 2]>::try_from(agents).ok().unwrap();
    let proposal = text(&ada.propose(&sam.id, 0).await, "id");
    sam.accept(&proposal).await;
    let dispute = text(&ada.intent(&proposal).await, "dispute_id");
    let frame = json!({"type": "DISPUTE_REVEAL", "proposal_id": proposal, "nonce": "nonce"});
    ada.sign(frame, &signing::dispute_reveal(&proposal, "nonce"))
        .await;
    let formed = "dispute_id proposal_id arbiters disputant respondent evidence_deadline vote_deadline \
        seed server_nonce";
    let formed = hears(&mut ada.raw, "PANEL_FORMED", formed).await;
    assert_eq!(sam.raw.hear("PANEL_FORMED").await, formed);
    let revealed = hears(
        &mut ada.raw,
        "DISPUTE_REVEALED",
        "dispute_id panel_size seed",
    )
    .await;
    assert_eq!(
        (&revealed["panel_size"], &revealed["seed"]),
        (&json!(3), &formed["seed"])
    );
    let assigned = "dispute_id proposal_id disputant respondent reason response_deadline";
    for arbiter in &mut panel {
        hears(&mut arbiter.raw, "ARBITER_ASSIGNED", assigned).await;
        let frame = json!({"type": "ARBITER_ACCEPT", "dispute_id": dispute});
        arbiter
            .sign(frame, &signing::arbiter_accept(&dispute))
            .await;
    }
    ada.raw.hear_until(|f| f["to"] == ada.id).await;
    let items = json!([{"label": "claim", "kind": "other", "value": "data"}]);
    let frame =
        json!({"type": "EVIDENCE", "dispute_id": dispute, "items": items, "statement": "s"});
    ada.sign(frame, &signing::evidence(&dispute, &items.to_string()))
        .await;
    hears(
        &mut sam.raw,
        "EVIDENCE_RECEIVED",
        "dispute_id from items_count",
    )
    .await;
    let case = "dispute_id proposal disputant disputant_evidence respondent respondent_evidence \
        vote_deadline";
    for arbiter in &mut panel {
        let case = hears(&mut arbiter.raw, "CASE_READY", case).await;
        assert_eq!(fields(&case["proposal"]), "id from to task amount currency");
        let evidence = &case["disputant_evidence"];
        assert_eq!(fields(evidence), "items statement sig");
        assert_eq!(fields(&evidence["items"][0]), "label kind value hash");
        assert!(case["respondent_evidence"].is_null());
        let frame = json!({"type": "ARBITER_VOTE", "dispute_id": dispute, "verdict": "disputant",
            "reasoning": ""});
        arbiter
            .sign(frame, &signing::arbiter_vote(&dispute, "disputant"))
            .await;
    }
    let verdict = "dispute_id proposal_id verdict votes arbiter_results resolved_at";
    let verdict = hears(&mut sam.raw, "VERDICT", verdict).await;
    assert_eq!(fields(&verdict["votes"][0]), "arbiter verdict reasoning");
    let result = &verdict["arbiter_results"][0];
    assert_eq!(fields(result), "arbiter verdict reasoning reward");
    assert_eq!(
        (
            &verdict["verdict"],
            verdict["votes"].as_array().unwrap().len()
        ),
        (&json!("disputant"), 3)
    );
    let settled = "dispute_id proposal_id verdict rating_changes";
    let settled = hears(&mut sam.raw, "SETTLEMENT_COMPLETE", settled).await;
    let change = &settled["rating_changes"][&ada.id];
    assert_eq!(fields(change), "oldRating newRating change");
    assert_eq!(settled["rating_changes"][&sam.id]["change"], -8);
}

#[tokio::test]
async fn a_request_that_is_wrong_is_refused_with_the_protocols_code() {
    let server = server(&[]);
    let mut raw = server.raw().await;
    let search = json!({"type": "SEARCH_SKILLS", "query": {}});
    assert_eq!(raw.refused(search.clone()).await, "AUTH_REQUIRED");
    assert_eq!(
        raw.refused(json!({"type": "EVIDENCE", "items": [null]}))
            .await,
        "INVALID_MSG"
    );
    raw.visit("visitor").await;
    let propose = json!({"type": "PROPOSAL", "to": "@a", "task": "t", "sig": "x"});
    assert_eq!(raw.refused(propose).await, "SIGNATURE_REQUIRED");
    raw.tell(search).await;
    assert_eq!(raw.hear("SEARCH_RESULTS").await["total"], 0);
}

#[tokio::test]
async fn a_signature_may_be_for_one_server_alone_also_after_a_kill() {
    let mut server = server(&[]);
    let sam = Agent::new(&server).await;
    let mut ids = vec![];
    for _ in 0..2 {
        let mut ada = server.raw().await;
        let key = Identity::generate().unwrap();
        let welcome = ada.enter("ada", &key).await;
        assert_eq!(welcome["signatures"]["version"], 2);
        let id = text(&welcome["signatures"], "server");
        let me = format!("@{}", key.agent_id());
        for (server, good) in [("another", false), (id.as_str(), true)] {
            let at = crate::raw::now();
            let list = json!([
                "AGENTCHAT_V2",
                server,
                "PROPOSAL",
                me,
                at,
                sam.id,
                "t",
                null,
                null,
                null,
                "at once",
                null,
                null,
                null
            ]);
            let sig = format!("v2.{at}.{}", key.sign(&list.to_string()));
            let frame = json!({"type": "PROPOSAL", "to": sam.id, "task": "t", "terms": "at once",
                "sig": sig});
            match good {
                true => {
                    // Nobody is there after the kill.
                    ada.tell(frame).await;
                    let told = ada.hear_until(|f| f["type"] == "PROPOSAL" || f["type"] == "ERROR");
                    let told = told.await;
                    let last = told.last().unwrap();
                    assert!(
                        last["sig"] == sig || last["code"] == "AGENT_NOT_FOUND",
                        "{last}"
                    );
                }
                false => assert_eq!(ada.refused(frame).await, "VERIFICATION_FAILED"),
            }
        }
        ids.push(id);
        server.kill_and_restart();
    }
    assert_eq!(ids[0], ids[1]);
}
