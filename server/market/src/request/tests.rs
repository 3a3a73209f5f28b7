use super::*;

fn parse(frame: &str) -> Result<Request, Refusal> {
    Request::parse(frame, &Limits::default())
}

#[test]
fn whatever_is_wrong_in_a_frame_is_an_invalid_message() {
    let wrong = [
        "null",
        "[]",
        "1",
        "{",
        "{}",
        r#"{"type":1}"#,
        r#"{"type":"NOPE"}"#,
        r#"{"type":"REGISTER_SKILLS","skills":[null],"sig":"x"}"#,
        r#"{"type":"REGISTER_SKILLS","skills":[],"sig":"x"}"#,
        r#"{"type":"REGISTER_SKILLS","skills":[{"capability":1}],"sig":"x"}"#,
        r#"{"type":"REGISTER_SKILLS","skills":[{"capability":"a"}]}"#,
        r#"{"type":"SEARCH_SKILLS"}"#,
        r#"{"type":"SEARCH_SKILLS","query":{"capability":5}}"#,
        r#"{"type":"SEARCH_SKILLS","query":{"currency":[]}}"#,
        r#"{"type":"SEARCH_SKILLS","query":{"limit":-1}}"#,
        r#"{"type":"PROPOSAL","to":5,"task":"t","sig":"x"}"#,
        r#"{"type":"PROPOSAL","to":"bob","task":"t","sig":"x"}"#,
        r#"{"type":"PROPOSAL","to":"@b","task":"","sig":"x"}"#,
        r#"{"type":"PROPOSAL","to":"@b","task":"t"}"#,
        r#"{"type":"PROPOSAL","to":"@b","task":"t","sig":""}"#,
        r#"{"type":"PROPOSAL","to":"@b","task":"t","sig":"x","expires":null}"#,
        r#"{"type":"PROPOSAL","to":"@b","task":"t","sig":"x","expires":1e300}"#,
        r#"{"type":"PROPOSAL","to":"@b","task":"t","sig":"x","elo_stake":-1}"#,
        r#"{"type":"PROPOSAL","to":"@b","task":"t","sig":"x","elo_stake":1.5}"#,
        r#"{"type":"PROPOSAL","to":"@b","task":"t","sig":"x","elo_stake":"9"}"#,
        r#"{"type":"PROPOSAL","to":"@b","task":"t","sig":"x","elo_stake":1e300}"#,
        r#"{"type":"PROPOSAL","to":"@b","task":"t","sig":"x","amount":"lots"}"#,
        r#"{"type":"PROPOSAL","to":"@b","task":"t","sig":"x","amount":1e999}"#,
        r#"{"type":"PROPOSAL","to":"@b","task":"t","sig":"x","terms":{"toString":1}}"#,
        r#"{"type":"ACCEPT","proposal_id":{"toString":1,"valueOf":1},"sig":"x"}"#,
        r#"{"type":"ACCEPT","proposal_id":"p","sig":null}"#,
        r#"{"type":"DISPUTE","proposal_id":"p","reason":"","sig":"x"}"#,
        r#"{"type":"DISPUTE_INTENT","proposal_id":"p","reason":"r","sig":"x"}"#,
        r#"{"type":"DISPUTE_REVEAL","proposal_id":"p","nonce":"","sig":"x"}"#,
        r#"{"type":"EVIDENCE","dispute_id":"d","items":[null],"statement":"","sig":"x"}"#,
        r#"{"type":"EVIDENCE","dispute_id":"d","items":{},"statement":"","sig":"x"}"#,
        r#"{"type":"EVIDENCE","dispute_id":"d","items":[],"sig":"x"}"#,
        r#"{"type":"ARBITER_ACCEPT","dispute_id":"","sig":"x"}"#,
        r#"{"type":"ARBITER_VOTE","dispute_id":"d","verdict":"me","reasoning":"","sig":"x"}"#,
        r#"{"type":"ARBITER_VOTE","dispute_id":"d","verdict":"mutual","sig":"x"}"#,
    ];
    for frame in wrong {
        let refusal = parse(frame).unwrap_err();
        assert_eq!(refusal.code, Code::InvalidMsg, "{frame}");
    }
}

#[test]
fn unused_fields_may_be_null_and_unknown_ones_are_ignored() {
    let right = [
        r#"{"type":"PROPOSAL","to":"@b","task":"t","sig":1,"amount":"","currency":null,"elo_stake":null,"x":{}}"#,
        r#"{"type":"PROPOSAL","to":"@b","task":"\ud83d","sig":"x","expires":0,"payment_code":""}"#,
        r#"{"type":"ACCEPT","proposal_id":"p","sig":"x","payment_code":null,"elo_stake":0}"#,
        r#"{"type":"REJECT","proposal_id":"p","sig":"x","reason":null}"#,
        r#"{"type":"COMPLETE","proposal_id":"p","sig":"x","proof":null}"#,
        r#"{"type":"SEARCH_SKILLS","query":{"capability":null,"max_rate":null},"query_id":7}"#,
        r#"{"type":"EVIDENCE","dispute_id":"d","items":[],"statement":"","sig":"x"}"#,
        r#"{"type":"ARBITER_DECLINE","dispute_id":"d"}"#,
        r#"{"type":"ARBITER_VOTE","dispute_id":"d","verdict":"mutual","reasoning":"","sig":"x"}"#,
    ];
    for frame in right {
        assert!(parse(frame).is_ok(), "{frame}: {:?}", parse(frame));
    }
}

#[test]
fn what_is_too_long_is_refused_and_the_bound_is_not() {
    let limits = Limits::default();
    let task = |length| {
        format!(
            r#"{{"type":"PROPOSAL","to":"@b","sig":"x","task":"{}"}}"#,
            "t".repeat(length)
        )
    };
    assert!(parse(&task(limits.text)).is_ok());
    assert!(parse(&task(limits.text + 1)).is_err());
    let code = |length| {
        let code = "c".repeat(length);
        format!(r#"{{"type":"ACCEPT","proposal_id":"p","sig":"x","payment_code":"{code}"}}"#)
    };
    assert!(parse(&code(limits.short_text)).is_ok());
    assert!(parse(&code(limits.short_text + 1)).is_err());
    let skills = |count| {
        let skills = vec![r#"{"capability":"c"}"#; count].join(",");
        format!(r#"{{"type":"REGISTER_SKILLS","sig":"x","skills":[{skills}]}}"#)
    };
    assert!(parse(&skills(limits.skills_per_agent)).is_ok());
    assert!(parse(&skills(limits.skills_per_agent + 1)).is_err());
    let skill = |length| {
        let skill = format!(
            r#"[{{"capability":"c","d":"{}"}}]"#,
            "x".repeat(length - 27)
        );
        assert_eq!(skill.len(), length);
        format!(r#"{{"type":"REGISTER_SKILLS","sig":"x","skills":{skill}}}"#)
    };
    assert!(parse(&skill(limits.skills_bytes)).is_ok());
    assert!(parse(&skill(limits.skills_bytes + 1)).is_err());
    let items = |length| {
        let items = format!(r#"[{{"d":"{}"}}]"#, "x".repeat(length - 10));
        assert_eq!(items.len(), length);
        format!(
            r#"{{"type":"EVIDENCE","dispute_id":"d","statement":"","sig":"x","items":{items}}}"#
        )
    };
    assert!(parse(&items(limits.evidence_bytes)).is_ok());
    assert!(parse(&items(limits.evidence_bytes + 1)).is_err());
    let query = |length| {
        let query = format!(
            r#"{{"type":"SEARCH_SKILLS","query":{{"d":"{}"}}}}"#,
            "x".repeat(length - 12)
        );
        query
    };
    assert!(parse(&query(limits.query_bytes)).is_ok());
    assert!(parse(&query(limits.query_bytes + 1)).is_err());
}
