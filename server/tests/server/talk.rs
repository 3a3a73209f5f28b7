//! Saying, typing, being away, changing one's nick.

use serde_json::{Value, json};

use crate::process::Server;

const OPEN: [&str; 4] = ["--lurk-disabled", "true", "--announcements", "false"];

#[tokio::test]
async fn a_message_is_passed_on_as_the_protocol_has_it() {
    let server = Server::protocol(&OPEN);
    let mut ada = server.visitor("ada").await;
    let mut sam = server.visitor("sam").await;
    ada.hear_until(|f| f["channel"] == "#bounties").await;
    ada.tell(
        json!({"type": "MSG", "to": "#general", "content": "", "sig": "s", "ts": 5,
        "in_reply_to": "1-a", "from": "@server", "verified": true, "replay": true}),
    )
    .await;
    let (echo, received) = (ada.hear("MSG").await, sam.hear("MSG").await);
    assert_eq!(echo, received);
    assert_eq!(
        (
            &received["content"],
            &received["sig"],
            &received["in_reply_to"],
            &received["from_name"]
        ),
        (&json!(""), &json!("s"), &json!("1-a"), &json!("ada"))
    );
    assert_eq!(
        (&received["verified"], received.get("replay")),
        (&json!(false), None)
    );
    assert!(received["ts"].as_i64().unwrap() > 1_700_000_000_000);
    let (stamp, random) = received["msg_id"]
        .as_str()
        .unwrap()
        .split_once('-')
        .unwrap();
    assert!(stamp.parse::<u64>().is_ok() && (1..=6).contains(&random.len()));

    for (bad, code) in [
        (json!({"content": "x"}), "INVALID_MSG"),
        (json!({"to": 5, "content": "x"}), "INVALID_MSG"),
        (json!({"to": "general", "content": "x"}), "INVALID_MSG"),
        (json!({"to": "#general"}), "INVALID_MSG"),
        (json!({"to": "#general", "content": 1}), "INVALID_MSG"),
        (
            json!({"to": "#general", "content": "x", "sig": 1}),
            "INVALID_MSG",
        ),
        (
            json!({"to": "#general", "content": "x", "sig": "s".repeat(513)}),
            "INVALID_MSG",
        ),
        (
            json!({"to": "#nowhere", "content": "x"}),
            "CHANNEL_NOT_FOUND",
        ),
        (json!({"to": "#ops", "content": "x"}), "NOT_INVITED"),
        (json!({"to": "@someone", "content": "x"}), "INVALID_MSG"),
    ] {
        let mut frame = bad;
        frame["type"] = "MSG".into();
        assert_eq!(ada.refused(frame.clone()).await, code, "{frame}");
    }
    // What is too long to be an id is left out.
    ada.tell(
        json!({"type": "MSG", "to": "#general", "content": "x", "sig": null,
        "in_reply_to": "x".repeat(513)}),
    )
    .await;
    let received = sam.hear("MSG").await;
    assert_eq!(
        (received.get("sig"), received.get("in_reply_to")),
        (None, None)
    );
    // Whatever else is given is passed on as it is, and what is false in JavaScript is left out.
    for (given, passed) in [
        (json!(7), true),
        (json!(true), true),
        (json!({"id": [1]}), true),
        (json!(0), false),
        (json!(""), false),
        (json!(["x".repeat(510)]), false),
    ] {
        let frame = json!({"type": "MSG", "to": "#general", "content": "x", "in_reply_to": given});
        ada.tell(frame).await;
        let received = sam.hear("MSG").await;
        assert_eq!(received.get("in_reply_to"), Some(&given).filter(|_| passed));
    }
}

#[tokio::test]
async fn content_may_be_as_long_as_javascript_counts() {
    let server = Server::protocol(&OPEN);
    let mut ada = server.visitor("ada").await;
    // The frame fits, and two bytes of each character are one unit; a frame that does not fit ends it all.
    let wide = "é".repeat(1_000_000);
    assert_eq!(ada.say("#general", &wide).await["content"], wide);
    ada.tell(json!({"type": "MSG", "to": "#general", "content": "x".repeat(2_097_152)}))
        .await;
    assert_eq!(ada.closed().await.0, 1009);
}

#[tokio::test]
async fn the_clock_of_messages_is_the_agents_and_runs_with_refused_ones_too() {
    let server = Server::plain(&["--rate-limit-ms", "60000"]);
    let identity = server.identity().await;
    let mut ada = server.raw().await;
    ada.enter("ada", &identity).await;
    let message = json!({"type": "MSG", "to": "#nowhere", "content": "x"});
    // What is malformed does not count, what is refused later does.
    assert_eq!(
        ada.refused(json!({"type": "MSG", "to": "#x"})).await,
        "INVALID_MSG"
    );
    assert_eq!(ada.refused(message.clone()).await, "CHANNEL_NOT_FOUND");
    assert_eq!(ada.refused(message.clone()).await, "RATE_LIMITED");
    let mut again = server.raw().await;
    again.enter("ada", &identity).await;
    assert_eq!(again.refused(message.clone()).await, "RATE_LIMITED");
    let mut sam = server.raw_approved("sam").await;
    assert_eq!(sam.refused(message).await, "CHANNEL_NOT_FOUND");
}

#[tokio::test]
async fn presence_is_told_once_to_each_who_shares_a_channel() {
    let server = Server::protocol(&OPEN);
    let mut ada = server.visitor("ada").await;
    let mut sam = server.visitor("sam").await;
    ada.hear_until(|f| f["channel"] == "#bounties").await;
    let set = |status: Value, text: Value| json!({"type": "SET_PRESENCE", "status": status, "status_text": text});
    for (status, text) in [
        (json!("gone"), Value::Null),
        (json!(1), Value::Null),
        (json!("away"), json!("x".repeat(101))),
        (json!("away"), json!(5)),
    ] {
        assert_eq!(ada.refused(set(status, text)).await, "INVALID_MSG");
    }
    ada.tell(set(json!("gone"), Value::Null)).await;
    let error = ada.hear("ERROR").await;
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("Invalid presence status")
    );
    ada.tell(set(json!("busy"), json!("x".repeat(100)))).await;
    ada.tell(set(json!("listening"), json!(""))).await;
    assert_eq!(ada.rest().await, [Value::Null; 0]);
    let received = sam.rest().await;
    let changed: Vec<_> = received
        .iter()
        .filter(|f| f["type"] == "PRESENCE_CHANGED")
        .collect();
    assert_eq!(changed.len(), 2, "{received:?}");
    assert_eq!(
        (&changed[0]["presence"], &changed[0]["name"]),
        (&json!("busy"), &json!("ada"))
    );
    assert_eq!(changed[0]["status_text"], "x".repeat(100));
    assert_eq!(
        (&changed[1]["presence"], &changed[1]["status_text"]),
        (&json!("listening"), &Value::Null)
    );
}

#[tokio::test]
async fn nicks_have_their_alphabet_and_their_pace_and_some_are_reserved() {
    let server = Server::protocol(&OPEN);
    let mut ada = server.visitor("ada").await;
    let mut sam = server.visitor("sam").await;
    ada.hear_until(|f| f["channel"] == "#bounties").await;
    let set = |nick: Value| json!({"type": "SET_NICK", "nick": nick});
    for bad in [
        json!(""),
        json!("x".repeat(25)),
        json!("a b"),
        json!(7),
        Value::Null,
    ] {
        assert_eq!(ada.refused(set(bad)).await, "INVALID_MSG");
    }
    for reserved in ["server", "GOD", "jc", "Operator"] {
        assert_eq!(ada.refused(set(json!(reserved))).await, "INVALID_NAME");
    }
    ada.tell(set(json!("lovelace"))).await;
    let changed = ada.hear("NICK_CHANGED").await;
    assert_eq!(
        (&changed["old_nick"], &changed["new_nick"]),
        (&json!("ada"), &json!("lovelace"))
    );
    assert_eq!(sam.hear("NICK_CHANGED").await, changed);
    assert_eq!(ada.refused(set(json!("again"))).await, "RATE_LIMITED");
    assert_eq!(ada.say("#general", "hi").await["from_name"], "lovelace");
}

#[tokio::test]
async fn typing_is_told_to_the_others_of_a_channel() {
    let server = Server::protocol(&OPEN);
    let mut ada = server.visitor("ada").await;
    let mut sam = server.visitor("sam").await;
    ada.hear_until(|f| f["channel"] == "#bounties").await;
    ada.tell(json!({"type": "TYPING", "channel": "#general"}))
        .await;
    ada.tell(json!({"type": "TYPING", "channel": "#nowhere"}))
        .await;
    assert_eq!(ada.rest().await, [Value::Null; 0]);
    let typing = sam.hear("TYPING").await;
    assert_eq!(
        (&typing["from_name"], &typing["channel"]),
        (&json!("ada"), &json!("#general"))
    );
    assert_eq!(ada.refused(json!({"type": "TYPING"})).await, "INVALID_MSG");
    assert_eq!(
        ada.refused(json!({"type": "TYPING", "channel": null}))
            .await,
        "INVALID_MSG"
    );
}

#[tokio::test]
async fn secrets_do_not_get_through_and_are_not_stored() {
    let server = Server::protocol(&OPEN);
    let mut ada = server.visitor("ada").await;
    let secret = format!("sk-ant-{}", "x1".repeat(12));
    ada.tell(json!({"type": "MSG", "to": "#general", "content": format!("use {secret} now")}))
        .await;
    let expected = "use [REDACTED:anthropic_api_key] now";
    assert_eq!(ada.hear("MSG").await["content"], expected);
    ada.tell(json!({"type": "JOIN", "channel": "#general"}))
        .await;
    ada.hear("JOINED").await;
    assert_eq!(ada.hear("MSG").await["content"], expected);
}

#[tokio::test]
async fn a_frame_that_is_wrong_costs_nothing_but_an_error() {
    let server = Server::protocol(&OPEN);
    let mut ada = server.visitor("ada").await;
    for frame in [
        "null",
        "1",
        "\"x\"",
        "[]",
        "[null]",
        "{",
        "",
        "{\"type\": null}",
        "{\"type\": \"NONE\"}",
        "{\"type\": \"MSG\", \"to\": null, \"content\": {}}",
        "{\"type\": \"VERIFY_REQUEST\", \"target\": 5}",
        "{\"type\": \"RESPONDING_TO\", \"msg_id\": \"1\", \"channel\": \"#general\", \"started_at\": \"x\"}",
        "{\"type\": \"ACCEPT\", \"proposal_id\": {\"toString\": 1, \"valueOf\": 1}}",
        "{\"type\": \"REGISTER_SKILLS\", \"skills\": [null]}",
        &"[".repeat(100_000),
    ] {
        ada.tell_text(frame).await;
        assert_eq!(
            ada.hear("ERROR").await["code"],
            "INVALID_MSG",
            "{frame:.40}"
        );
    }
    ada.tell_text("{\"type\":\"MSG\",\"to\":\"#general\",\"content\":\"half \\ud83d\"}")
        .await;
    assert_eq!(ada.hear("MSG").await["content"], "half \u{fffd}");
}

#[tokio::test]
async fn silent_channels_are_nudged() {
    let nudges = ["--idle-prompts", "true", "--idle-timeout-ms", "300"];
    let server = Server::protocol(&[&OPEN[..], &nudges].concat());
    let mut ada = server.raw().await;
    let id = ada.visit("ada").await["agent_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut sam = server.visitor("sam").await;
    let nudge = sam.hear("MSG").await;
    assert_eq!(nudge["from"], "@server");
    assert!(nudge["content"].as_str().unwrap().contains(&id), "{nudge}");
    ada.hear("MSG").await;
}
