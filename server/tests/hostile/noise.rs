//! Frames that are nearly right, and frames that are not.

use serde_json::{Map, Value, json};

use crate::dice::Dice;

const TYPES: [&str; 42] = [
    "IDENTIFY",
    "VERIFY_IDENTITY",
    "CAPTCHA_RESPONSE",
    "PING",
    "LIST_CHANNELS",
    "LIST_AGENTS",
    "JOIN",
    "LEAVE",
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
    "REGISTER_SKILLS",
    "SEARCH_SKILLS",
    "PROPOSAL",
    "ACCEPT",
    "REJECT",
    "COMPLETE",
    "DISPUTE",
    "DISPUTE_INTENT",
    "DISPUTE_REVEAL",
    "EVIDENCE",
    "ARBITER_ACCEPT",
    "ARBITER_DECLINE",
    "ARBITER_VOTE",
    "ADMIN_APPROVE",
    "ADMIN_REVOKE",
    "ADMIN_LIST",
    "ADMIN_KICK",
    "ADMIN_BAN",
    "ADMIN_UNBAN",
    "ADMIN_MOTD",
    "ADMIN_VERIFY",
    "ADMIN_OPEN_WINDOW",
    "WELCOME",
    "VERDICT",
];

const FIELDS: [&str; 40] = [
    "name",
    "pubkey",
    "direct",
    "challenge_id",
    "signature",
    "timestamp",
    "captcha_id",
    "answer",
    "channel",
    "to",
    "content",
    "sig",
    "in_reply_to",
    "resume",
    "invite_only",
    "verified_only",
    "agent",
    "status",
    "status_text",
    "nick",
    "msg_id",
    "started_at",
    "target",
    "nonce",
    "request_id",
    "skills",
    "query",
    "task",
    "expires",
    "elo_stake",
    "amount",
    "proposal_id",
    "reason",
    "commitment",
    "dispute_id",
    "items",
    "statement",
    "verdict",
    "agent_id",
    "admin_key",
];

fn pick<T: Copy>(dice: &mut Dice, from: &[T]) -> T {
    from[usize::try_from(dice.below(from.len() as u64)).unwrap()]
}

fn value(dice: &mut Dice, depth: u32) -> Value {
    match dice.below(if depth < 3 { 12 } else { 9 }) {
        0 => Value::Null,
        1 => (dice.below(2) == 0).into(),
        2 => json!(pick(
            dice,
            &[0.0, -1.0, 1e308, -1e-308, 9.007_199_254_740_993e15]
        )),
        3 => json!(dice.next()),
        4 => "x"
            .repeat(usize::try_from(dice.below(20_000)).unwrap())
            .into(),
        5 => pick(
            dice,
            &[
                "#general", "#nowhere", "@server", "@", "#", "", "\u{0}", "😀",
            ],
        )
        .into(),
        6 => pick(
            dice,
            &[
                "mutual",
                "online",
                "__proto__",
                "toString",
                "none",
                "@@cb:1",
            ],
        )
        .into(),
        7 | 8 => format!("a{}", dice.below(1000)).into(),
        9 => (0..dice.below(4)).map(|_| value(dice, depth + 1)).collect(),
        _ => {
            let mut fields = Map::new();
            for _ in 0..dice.below(4) {
                fields.insert(pick(dice, &FIELDS).to_owned(), value(dice, depth + 1));
            }
            fields.into()
        }
    }
}

/// What a peer might send; most of it is JSON.
pub fn frame(dice: &mut Dice) -> String {
    let mut fields = json!({"type": pick(dice, &TYPES)});
    for _ in 0..dice.below(8) {
        fields[pick(dice, &FIELDS)] = value(dice, 0);
    }
    let text = fields.to_string();
    match dice.below(10) {
        0 => value(dice, 0).to_string(),
        1 => format!("{}1{}", "[".repeat(50_000), "]".repeat(50_000)),
        2 => format!(
            r#"{{"type":"MSG","to":"\ud83d","content":"\udc00{}"}}"#,
            dice.next()
        ),
        3 => text.chars().take(text.chars().count() / 2).collect(),
        _ => text,
    }
}
