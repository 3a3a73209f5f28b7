//! Version 2 of what agents sign in the marketplace, next to the texts of version 1.
//!
//! Version 1 joins some fields with `|`: a `|` in one of them makes two different requests sign alike, some fields are
//! not covered, and nothing says for which server and when. Version 2 signs the JSON list
//!
//! ```text
//! ["AGENTCHAT_V2", server, type, agent, signed_at, field, …]
//! ```
//!
//! as `JSON.stringify` writes it: the server's id (`signatures.server` of WELCOME), the type of the frame, the signer
//! with `@`, when it was signed in Unix milliseconds, and every field of [`covered`], as it stands in the frame, `null`
//! for what is not there. The frame's `sig` is then `v2.<signed_at>.<base64>`.

use crate::json::{Object, Value};

/// How a signature of version 2 begins.
const PREFIX: &str = "v2.";

/// The fields of a frame that version 2 covers, in order; none for frames that are not signed.
#[must_use]
pub fn covered(type_: &str) -> Option<&'static [&'static str]> {
    Some(match type_ {
        "REGISTER_SKILLS" => &["skills"],
        "PROPOSAL" => &[
            "to",
            "task",
            "amount",
            "currency",
            "payment_code",
            "terms",
            "capability",
            "expires",
            "elo_stake",
        ],
        "ACCEPT" => &["proposal_id", "payment_code", "elo_stake"],
        "REJECT" => &["proposal_id", "reason"],
        "COMPLETE" => &["proposal_id", "proof"],
        "DISPUTE" => &["proposal_id", "reason"],
        "DISPUTE_INTENT" => &["proposal_id", "reason", "commitment"],
        "DISPUTE_REVEAL" => &["proposal_id", "nonce"],
        "EVIDENCE" => &["dispute_id", "items", "statement"],
        "ARBITER_ACCEPT" => &["dispute_id"],
        "ARBITER_DECLINE" => &["dispute_id", "reason"],
        "ARBITER_VOTE" => &["dispute_id", "verdict", "reasoning"],
        _ => return None,
    })
}

/// When a signature of version 2 was made, and its base64; none for one of version 1.
#[must_use]
pub fn parts(sig: &str) -> Option<(i64, &str)> {
    let (at, sig) = sig.strip_prefix(PREFIX)?.split_once('.')?;
    let plain = at.len() <= 15 && at.bytes().all(|b| b.is_ascii_digit());
    Some((at.parse().ok().filter(|_| plain)?, sig))
}

/// The `sig` of a frame, from when it was made and its base64.
#[must_use]
pub fn sig(at: i64, base64: &str) -> String {
    format!("{PREFIX}{at}.{base64}")
}

/// What is signed; none when frames of this type are not.
#[must_use]
pub fn text(server: &str, agent: &str, at: i64, frame: &Object) -> Option<String> {
    let type_ = frame.get("type")?.as_str()?;
    let values = covered(type_)?.iter();
    let values = values.map(|key| frame.get(key).cloned().unwrap_or(Value::Null));
    let mut list: Vec<Value> = vec![
        "AGENTCHAT_V2".into(),
        server.into(),
        type_.into(),
        agent.into(),
        at.into(),
    ];
    list.extend(values);
    Some(Value::Array(list).to_json())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    fn signed(frame: &str) -> Option<String> {
        let frame = json::parse(frame).unwrap();
        text("5e", "@a", 1_700_000_000_000, frame.as_object().unwrap())
    }

    #[test]
    fn what_is_signed_is_what_stringify_writes() {
        let frame = r#"{"type":"PROPOSAL","to":"@b","task":"a|b \"c\" \ud83d","amount":1.50,"elo_stake":0,"x":1}"#;
        assert_eq!(
            signed(frame).unwrap(),
            r#"["AGENTCHAT_V2","5e","PROPOSAL","@a",1700000000000,"@b","a|b \"c\" \ud83d",1.5,null,null,null,null,null,0]"#
        );
        let frame =
            r#"{"type":"EVIDENCE","dispute_id":"d","items":[{"2":1,"1":2}],"statement":""}"#;
        assert_eq!(
            signed(frame).unwrap(),
            r#"["AGENTCHAT_V2","5e","EVIDENCE","@a",1700000000000,"d",[{"1":2,"2":1}],""]"#
        );
        assert_eq!(signed(r#"{"type":"SEARCH_SKILLS","query":{}}"#), None);
    }

    #[test]
    fn a_signature_says_of_which_version_it_is() {
        assert_eq!(parts(&sig(17, "ab==")), Some((17, "ab==")));
        for first in [
            "ab==",
            "v2.ab==",
            "v2.-1.ab==",
            "v2.+1.ab==",
            "v2..ab==",
            "v2.1e3.ab==",
        ] {
            assert_eq!(parts(first), None, "{first}");
        }
    }
}
