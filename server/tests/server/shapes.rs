//! Frames have exactly the fields of the protocol, in its order; what is ours comes after.

use agentchat_protocol::Identity;
use serde_json::{Value, json};

use crate::{
    process::{ADMIN_KEY, Server},
    raw::Raw,
};

/// The fields of a frame, in their order.
pub fn fields(frame: &Value) -> String {
    let keys = frame.as_object().unwrap().keys();
    keys.map(String::as_str).collect::<Vec<_>>().join(" ")
}

/// The next frame of a type, which has these fields.
pub async fn hears(raw: &mut Raw, type_: &str, wanted: &str) -> Value {
    let frame = raw.hear(type_).await;
    assert_eq!(fields(&frame), format!("type ts {wanted}").trim_end());
    frame
}

#[tokio::test]
async fn of_the_handshake() {
    let server = Server::protocol(&["--motd", "be kind"]);
    let identity = Identity::generate().unwrap();
    let mut visitor = server.raw().await;
    visitor.tell(json!({"type": "PING"})).await;
    hears(&mut visitor, "PONG", "").await;
    visitor
        .tell(json!({"type": "JOIN", "channel": "#help"}))
        .await;
    hears(&mut visitor, "ERROR", "code message").await;
    visitor
        .tell(json!({"type": "IDENTIFY", "name": "sam"}))
        .await;
    let greeting = "agent_id name server lurk lurk_reason motd disclaimer";
    let ours = "channels signatures";
    hears(&mut visitor, "WELCOME", &format!("{greeting} {ours}")).await;
    let mut ada = server.raw().await;
    let key = identity.public_key_pem();
    ada.tell(json!({"type": "IDENTIFY", "name": "ada", "pubkey": key}))
        .await;
    let challenge = hears(&mut ada, "CHALLENGE", "challenge_id nonce expires_at").await;
    ada.answer(&challenge, &identity).await;
    let greeting = "agent_id name server verified lurk lurk_until lurk_reason motd disclaimer";
    hears(&mut ada, "WELCOME", &format!("{greeting} {ours}")).await;
    visitor.hear("AGENT_JOINED").await;
    let mut again = server.raw().await;
    again.prove("ada", &identity).await;
    hears(&mut ada, "SESSION_DISPLACED", "reason new_ip").await;
}

#[tokio::test]
async fn of_channels_and_those_in_them() {
    let server = Server::public(&["--lurk-disabled", "true"]);
    let (key, other) = (server.identity().await, server.identity().await);
    let (mut ada, mut sam) = (server.raw().await, server.raw().await);
    ada.enter("ada", &key).await;
    sam.enter("sam", &other).await;
    let (id, last) = (format!("@{}", other.agent_id()), "#ops");
    let arrived = ada
        .hear_until(|f| f["agent"] == id && f["channel"] == last)
        .await;
    let arrived = arrived.last().unwrap();
    assert_eq!(fields(arrived), "type ts channel agent name verified");
    sam.tell(json!({"type": "JOIN", "channel": "#general"}))
        .await;
    let members = hears(&mut sam, "JOINED", "channel agents epoch offset since").await;
    assert_eq!(fields(&members["agents"][0]), "id name verified");
    sam.tell(json!({"type": "LIST_CHANNELS"})).await;
    let channels = hears(&mut sam, "CHANNELS", "list").await;
    assert_eq!(fields(&channels["list"][8]), "name agents verifiedOnly");
    sam.tell(json!({"type": "LIST_AGENTS", "channel": "#general"}))
        .await;
    let agents = hears(&mut sam, "AGENTS", "channel list").await;
    let agent = "id name presence status_text verified";
    assert_eq!(fields(&agents["list"][0]), agent);

    let message =
        json!({"type": "MSG", "to": "#general", "content": "x", "sig": "s", "in_reply_to": "m"});
    sam.tell(message).await;
    let said = "from from_name to content msg_id verified sig in_reply_to epoch offset";
    hears(&mut ada, "MSG", said).await;
    ada.tell(json!({"type": "JOIN", "channel": "#general"}))
        .await;
    ada.hear("JOINED").await;
    let again = hears(&mut ada, "MSG", &format!("{said} replay")).await;
    assert_eq!(again["replay"], true);
    sam.tell(json!({"type": "MSG", "to": "#general", "content": "x @@cb:0s@@y"}))
        .await;
    sam.hear_until(|f| f["content"] == "x" && f.get("sig").is_none())
        .await;
    hears(&mut sam, "MSG", "from from_name to content cb_id cb_origin").await;

    sam.tell(json!({"type": "SET_PRESENCE", "status": "busy"}))
        .await;
    hears(
        &mut ada,
        "PRESENCE_CHANGED",
        "agent_id name presence status_text",
    )
    .await;
    sam.tell(json!({"type": "TYPING", "channel": "#general"}))
        .await;
    hears(&mut ada, "TYPING", "from from_name channel").await;
    let claim = |at| {
        json!({"type": "RESPONDING_TO", "msg_id": "m", "channel": "#general",
            "started_at": at})
    };
    sam.tell(claim(5)).await;
    hears(
        &mut ada,
        "FLOOR_CLAIMED",
        "msg_id channel holder holder_name started_at",
    )
    .await;
    ada.tell(claim(6)).await;
    hears(
        &mut ada,
        "YIELD",
        "msg_id channel holder holder_started_at reason",
    )
    .await;
    sam.tell(json!({"type": "SET_NICK", "nick": "samuel"}))
        .await;
    hears(&mut ada, "NICK_CHANGED", "agent_id old_nick new_nick").await;

    sam.tell(json!({"type": "LEAVE", "channel": "#help"})).await;
    hears(&mut sam, "LEFT", "channel").await;
    hears(&mut ada, "AGENT_LEFT", "channel agent name").await;
    let nonce = json!("0123456789abcdef");
    let ask = json!({"type": "VERIFY_REQUEST", "target": id, "nonce": nonce});
    ada.tell(ask).await;
    hears(&mut ada, "VERIFY_REQUEST", "request_id target status").await;
    let asked = hears(&mut sam, "VERIFY_REQUEST", "request_id from nonce").await;
    let give = json!({"type": "VERIFY_RESPONSE", "request_id": asked["request_id"], "nonce": nonce, "sig": "x"});
    sam.tell(give).await;
    hears(&mut sam, "VERIFY_FAILED", "request_id verified").await;
    hears(&mut ada, "VERIFY_FAILED", "request_id target reason").await;
    drop(sam);
    hears(&mut ada, "AGENT_LEFT", "channel agent").await;
}

#[tokio::test]
async fn of_an_operators_answers() {
    let server = Server::public(&[]);
    let mut operator = server.raw().await;
    let identity = Identity::generate().unwrap();
    let mut ada = server.raw().await;
    ada.enter("ada", &identity).await;
    let id = identity.agent_id();
    let key = identity.public_key_pem();
    for (action, given, wanted) in [
        ("APPROVE", json!({"pubkey": key}), "action success agentId"),
        ("MOTD", json!({"motd": "x"}), "action success motd kicked"),
        (
            "VERIFY",
            json!({"agent_id": id, "verified": true}),
            "action success agentId verified",
        ),
        ("KICK", json!({"agent_id": id}), "action success agentId"),
        ("BAN", json!({"agent_id": id}), "action success agentId"),
        ("UNBAN", json!({"agent_id": id}), "action success agentId"),
        ("REVOKE", json!({"agent_id": id}), "action success"),
    ] {
        let mut frame = given;
        frame["type"] = format!("ADMIN_{action}").into();
        frame["admin_key"] = ADMIN_KEY.into();
        operator.tell(frame).await;
        hears(&mut operator, "ADMIN_RESULT", wanted).await;
    }
    hears(&mut ada, "MOTD_UPDATE", "motd").await;
    hears(&mut ada, "ADMIN_RESULT", "action success verified note").await;
    hears(&mut ada, "KICKED", "reason").await;
}
