//! Frames of every type: as a good client sends them, or nearly so.

use agentchat_protocol::{json as written, sha256_hex, signing};

use super::{
    harness::{TestHarness, at, identity},
    *,
};

const TYPES: [&str; 49] = [
    "IDENTIFY",
    "VERIFY_IDENTITY",
    "CAPTCHA_RESPONSE",
    "PING",
    "LIST_CHANNELS",
    "LIST_AGENTS",
    "JOIN",
    "LEAVE",
    "MSG",
    "MSG",
    "MSG",
    "CREATE_CHANNEL",
    "INVITE",
    "TYPING",
    "SET_PRESENCE",
    "SET_NICK",
    "RESPONDING_TO",
    "FILE_CHUNK",
    "VERIFY_REQUEST",
    "VERIFY_RESPONSE",
    "ADMIN_APPROVE",
    "ADMIN_REVOKE",
    "ADMIN_LIST",
    "ADMIN_KICK",
    "ADMIN_BAN",
    "ADMIN_UNBAN",
    "ADMIN_MOTD",
    "ADMIN_VERIFY",
    "REGISTER_SKILLS",
    "SEARCH_SKILLS",
    "PROPOSAL",
    "PROPOSAL",
    "ACCEPT",
    "ACCEPT",
    "REJECT",
    "COMPLETE",
    "DISPUTE",
    "DISPUTE_INTENT",
    "DISPUTE_REVEAL",
    "DISPUTE_REVEAL",
    "EVIDENCE",
    "ARBITER_ACCEPT",
    "ARBITER_ACCEPT",
    "ARBITER_DECLINE",
    "ARBITER_VOTE",
    "ARBITER_VOTE",
    "ARBITER_VOTE",
    "WELCOME",
    "NONE",
];

/// A frame, and the connection that says it.
pub fn frame(choices: &mut Choices<'_>, harness: &TestHarness) -> (u64, String) {
    let type_ = *choices.one(&TYPES);
    let mut id = harness.someone(choices);
    let mut frame = sense(choices, harness, id, type_);
    frame["type"] = type_.into();
    // Mostly one of those who may.
    let subject = frame["dispute_id"]
        .as_str()
        .or(frame["proposal_id"].as_str());
    if let (Some(who), false) = (harness.party(choices, subject), choices.once_in(8)) {
        id = who;
    }
    if choices.once_in(16) {
        spoil(choices, &mut frame);
    }
    if let Some(signed) = signed(&frame) {
        frame["sig"] = identity(id).sign(&signed).into();
    }
    if choices.once_in(16) {
        spoil(choices, &mut frame);
    }
    let mut text = frame.to_string();
    if choices.once_in(32) {
        let at = choices.below(text.len());
        let at = text.floor_char_boundary(at);
        let bytes = choices.take(8);
        text.insert_str(at, &String::from_utf8_lossy(bytes));
        if choices.once_in(2) {
            text.truncate(at);
        }
    }
    (id, text)
}

/// What usually is in a frame.
fn sense(choices: &mut Choices<'_>, harness: &TestHarness, id: u64, type_: &str) -> Value {
    let other = at(choices.below(harness::IDENTITIES) as u64);
    let channel = *choices.one(&["#general", "#general", "#a", "#b", "#none"]);
    let to = *choices.one(&["#general", "#a", other.as_str()]);
    // Mostly the newest.
    let mut known = |key: &str| {
        let ids = harness.ids.get(key).map(Vec::as_slice).unwrap_or_default();
        let back = if choices.once_in(3) {
            choices.below(3)
        } else {
            0
        };
        ids.iter()
            .rev()
            .nth(back)
            .cloned()
            .unwrap_or_else(|| "0123456789abcdef".to_owned())
    };
    let (proposal, dispute, msg) = (known("proposal_id"), known("dispute_id"), known("msg_id"));
    let (request, nonce, epoch) = (known("request_id"), known("nonce"), known("epoch"));
    let stake = choices
        .one(&[Value::Null, json!(0), json!(1), json!(100), json!(1900)])
        .clone();
    match type_ {
        "IDENTIFY" => json!({"name": choices.one(&["ada", "sam", "god", "x y"]),
            "pubkey": choices.one(&[Value::from(identity(id).public_key_pem()), Value::Null])}),
        "VERIFY_IDENTITY" => json!({"challenge_id": nonce, "signature": "AAAA", "timestamp": 1}),
        "CAPTCHA_RESPONSE" => json!({"captcha_id": nonce, "answer": "5"}),
        "JOIN" => {
            json!({"channel": channel, "resume": {"epoch": epoch, "offset": choices.below(40)}})
        }
        "LEAVE" | "LIST_AGENTS" | "TYPING" => json!({"channel": channel}),
        "MSG" => json!({"to": to, "client_id": choices.one(&[Value::Null, json!("a"), json!("b")]),
            "content": choices.one(&["hi", "@@cb:0s@@x", "@@cb:1s#general@@x", "sk-ant-xxxxxxxxxxxxxxxxxxxxxxxx"])}),
        "CREATE_CHANNEL" => json!({"channel": channel, "invite_only": choices.once_in(3),
            "verified_only": choices.once_in(3)}),
        "INVITE" => json!({"channel": channel, "agent": other}),
        "SET_PRESENCE" => {
            json!({"status": choices.one(&["online", "online", "busy", "listening", "away", "x"])})
        }
        "SET_NICK" => json!({"nick": choices.one(&["n", "god", "server"])}),
        "RESPONDING_TO" => {
            json!({"msg_id": msg, "channel": channel, "started_at": choices.below(9)})
        }
        "FILE_CHUNK" => json!({"to": other, "content": "x"}),
        "VERIFY_REQUEST" => json!({"target": other, "nonce": "0123456789abcdef"}),
        "VERIFY_RESPONSE" => {
            json!({"request_id": request, "nonce": nonce, "sig": identity(id).sign(&nonce)})
        }
        "ADMIN_KICK" | "ADMIN_BAN" | "ADMIN_UNBAN" | "ADMIN_VERIFY" | "ADMIN_REVOKE"
        | "ADMIN_APPROVE" | "ADMIN_LIST" | "ADMIN_MOTD" => {
            let agent = if choices.once_in(16) {
                other.as_str()
            } else {
                "@nobody"
            };
            json!({"admin_key": choices.one(&["k", "k", "k", "wrong"]), "agent_id": agent, "motd": "m",
                "pubkey": identity(id).public_key_pem(), "reason": "r", "verified": choices.once_in(2)})
        }
        "REGISTER_SKILLS" => {
            json!({"skills": [{"capability": "c", "rate": choices.below(9), "currency": "C"}]})
        }
        "SEARCH_SKILLS" => json!({"query": {"capability": "c", "max_rate": choices.below(9)}}),
        "PROPOSAL" => {
            json!({"to": other, "task": "t", "elo_stake": stake, "amount": choices.below(3),
            "expires": choices.one(&[json!(0), json!(0), json!(60), json!(1e300)])})
        }
        "ACCEPT" => json!({"proposal_id": proposal, "elo_stake": stake}),
        "REJECT" | "COMPLETE" | "DISPUTE" => {
            json!({"proposal_id": proposal, "reason": "r", "proof": "p"})
        }
        "DISPUTE_INTENT" => {
            json!({"proposal_id": proposal, "reason": "r", "commitment": sha256_hex("n")})
        }
        "DISPUTE_REVEAL" => json!({"proposal_id": proposal, "nonce": "n"}),
        "EVIDENCE" => {
            json!({"dispute_id": dispute, "statement": "s", "items": [{"kind": "commit", "b": 1, "a": 2}]})
        }
        "ARBITER_ACCEPT" | "ARBITER_DECLINE" => json!({"dispute_id": dispute}),
        "ARBITER_VOTE" => json!({"dispute_id": dispute, "reasoning": "r",
            "verdict": choices.one(&["disputant", "respondent", "mutual"])}),
        _ => json!({}),
    }
}

/// What the signature of a frame covers.
fn signed(frame: &Value) -> Option<String> {
    let text = |key: &str| frame[key].as_str();
    let must = |key: &str| text(key).unwrap_or_default();
    let list = |key: &str| {
        let list = written::parse(&frame[key].to_string());
        list.map(|list| list.to_json()).unwrap_or_default()
    };
    let (proposal, dispute) = (must("proposal_id"), must("dispute_id"));
    Some(match must("type") {
        "REGISTER_SKILLS" => signing::register_skills(&list("skills")),
        "PROPOSAL" => signing::proposal(&signing::ProposalTerms {
            to: must("to"),
            task: must("task"),
            amount: frame["amount"].as_f64(),
            expires: frame["expires"].as_f64(),
            elo_stake: frame["elo_stake"].as_i64(),
            ..signing::ProposalTerms::default()
        }),
        "ACCEPT" => signing::accept(proposal, None, frame["elo_stake"].as_i64()),
        "REJECT" => signing::reject(proposal, text("reason")),
        "COMPLETE" => signing::complete(proposal, text("proof")),
        "DISPUTE" => signing::dispute(proposal, must("reason")),
        "DISPUTE_INTENT" => signing::dispute_intent(proposal, must("reason"), must("commitment")),
        "DISPUTE_REVEAL" => signing::dispute_reveal(proposal, must("nonce")),
        "EVIDENCE" => signing::evidence(dispute, &list("items")),
        "ARBITER_ACCEPT" => signing::arbiter_accept(dispute),
        "ARBITER_VOTE" => signing::arbiter_vote(dispute, must("verdict")),
        _ => return None,
    })
}

/// Something in a frame becomes something else.
fn spoil(choices: &mut Choices<'_>, frame: &mut Value) {
    let Some(fields) = frame.as_object_mut() else {
        return;
    };
    let at = choices.below(fields.len() + 2);
    let key = fields.keys().nth(at).cloned();
    let key = key.unwrap_or_else(|| {
        (*choices.one(&[
            "in_reply_to",
            "sig",
            "resume",
            "direct",
            "terms",
            "__proto__",
        ]))
        .to_owned()
    });
    let length = choices.below(4000);
    let nonsense = [
        json!(null),
        json!(0),
        json!(-1.5),
        json!(1e300),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(true),
        json!(""),
        json!("x".repeat(length)),
        json!([]),
        json!([null, {}]),
        json!({}),
        json!({"toString": 1}),
        json!("@"),
        json!("#"),
        json!("\u{0}"),
        json!("😀".repeat(length % 64)),
    ];
    let value = choices.one(&nonsense).clone();
    fields.insert(key, value);
}
