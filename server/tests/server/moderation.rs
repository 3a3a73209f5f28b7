//! What an operator may do: send away, keep out, vouch, tell everybody.

use agentchat_protocol::Identity;
use serde_json::{Value, json};

use crate::{
    process::{ADMIN_KEY, Server},
    raw::Raw,
};

fn admin(action: &str, fields: Value) -> Value {
    let mut frame = json!({"type": format!("ADMIN_{action}"), "admin_key": ADMIN_KEY});
    for (key, value) in fields.as_object().unwrap() {
        frame[key] = value.clone();
    }
    frame
}

async fn does(raw: &mut Raw, action: &str, fields: Value) -> Value {
    raw.tell(admin(action, fields)).await;
    raw.hear("ADMIN_RESULT").await
}

#[tokio::test]
async fn whoever_is_kicked_may_come_back_and_whoever_is_banned_may_not() {
    let mut server = Server::plain(&[]);
    let identity = server.identity().await;
    let id = identity.agent_id();
    let mut operator = server.raw().await;
    let mut ada = server.raw().await;
    ada.enter("ada", &identity).await;
    let result = does(&mut operator, "KICK", json!({"agent_id": format!("@{id}")})).await;
    assert_eq!(
        (&result["action"], &result["success"], &result["agentId"]),
        (&json!("kick"), &json!(true), &json!(format!("@{id}")))
    );
    assert_eq!(ada.hear("KICKED").await["reason"], "Kicked by admin");
    assert_eq!(ada.closed().await, (1000, "Kicked by admin".to_owned()));
    assert_eq!(
        operator
            .refused(admin("KICK", json!({"agent_id": id})))
            .await,
        "AGENT_NOT_FOUND"
    );

    let mut ada = server.raw().await;
    ada.enter("ada", &identity).await;
    does(
        &mut operator,
        "BAN",
        json!({"agent_id": id, "reason": "spam"}),
    )
    .await;
    assert_eq!(ada.hear("BANNED").await["reason"], "spam");
    assert_eq!(ada.closed().await, (1000, "Banned by admin".to_owned()));
    server.kill_and_restart();
    let mut ada = server.raw().await;
    ada.prove("ada", &identity).await;
    let error = ada.hear("ERROR").await;
    assert_eq!(
        (&error["code"], &error["message"]),
        (&json!("BANNED"), &json!("spam"))
    );
    assert_eq!(ada.closed().await, (1000, "Banned".to_owned()));

    let mut operator = server.raw().await;
    does(&mut operator, "UNBAN", json!({"agent_id": id})).await;
    assert_eq!(
        operator
            .refused(admin("UNBAN", json!({"agent_id": id})))
            .await,
        "AGENT_NOT_FOUND"
    );
    server.raw().await.enter("ada", &identity).await;
}

#[tokio::test]
async fn an_operators_word_makes_an_agent_verified_and_stays() {
    let mut server = Server::public(&["--lurk-disabled", "true"]);
    let identity = Identity::generate().unwrap();
    let id = identity.agent_id();
    let mut ada = server.raw().await;
    assert_eq!(ada.enter("ada", &identity).await["verified"], false);
    let mut operator = server.raw().await;
    let result = does(
        &mut operator,
        "VERIFY",
        json!({"agent_id": id, "verified": true}),
    )
    .await;
    assert_eq!(
        (&result["action"], &result["agentId"], &result["verified"]),
        (&json!("verify"), &json!(id), &json!(true))
    );
    let told = ada.hear("ADMIN_RESULT").await;
    assert!(told["note"].is_string() && told["verified"] == true && told.get("agentId").is_none());
    ada.tell(json!({"type": "CREATE_CHANNEL", "channel": "#mine"}))
        .await;
    ada.hear("JOINED").await;
    assert_eq!(ada.say("#mine", "x").await["verified"], true);
    server.kill_and_restart();
    assert_eq!(
        server.raw().await.enter("ada", &identity).await["verified"],
        true
    );

    let mut operator = server.raw().await;
    let verify = |fields| admin("VERIFY", fields);
    let nobody = json!({"agent_id": "nobody", "verified": true});
    assert_eq!(operator.refused(verify(nobody)).await, "AGENT_NOT_FOUND");
    assert_eq!(
        operator.refused(verify(json!({"agent_id": id}))).await,
        "INVALID_MSG"
    );
}

#[tokio::test]
async fn the_message_of_the_day_is_told_to_all_and_may_send_them_away() {
    let server = Server::public(&[]);
    let mut operator = server.raw().await;
    let mut ada = server.visitor("ada").await;
    let mut open = server.raw().await;
    open.tell(json!({"type": "PING"})).await;
    open.hear("PONG").await;
    let result = does(&mut operator, "MOTD", json!({"motd": "be kind"})).await;
    assert_eq!(
        (&result["motd"], &result["kicked"]),
        (&json!("be kind"), &json!(false))
    );
    for raw in [&mut ada, &mut open] {
        assert_eq!(raw.hear("MOTD_UPDATE").await["motd"], "be kind");
    }
    let mut sam = server.raw().await;
    assert_eq!(sam.visit("sam").await["motd"], "be kind");
    let result = does(&mut operator, "MOTD", json!({"motd": "", "kick": true})).await;
    assert_eq!(
        (&result["motd"], &result["kicked"]),
        (&Value::Null, &json!(true))
    );
    for raw in [&mut ada, &mut open, &mut sam] {
        assert_eq!(raw.hear("MOTD_UPDATE").await["motd"], Value::Null);
        assert_eq!(raw.closed().await, (1001, "Server maintenance".to_owned()));
    }
    operator.tell(json!({"type": "PING"})).await;
    operator.hear("PONG").await;
    assert_eq!(
        operator.refused(admin("MOTD", json!({"motd": 5}))).await,
        "INVALID_MSG"
    );
}

#[tokio::test]
async fn keys_are_two_and_guessing_ends_a_connection() {
    let server = Server::protocol(&[
        "--allowlist-admin-key",
        "the-key-of-the-allowlist",
        "--admin-key",
        "the-key-of-the-rest",
    ]);
    let mut raw = server.raw().await;
    let with = |action: &str, key: &str| json!({"type": format!("ADMIN_{action}"), "agent_id": "x", "verified": true, "admin_key": key});
    // The first key is no key for the second's messages.
    assert_eq!(
        raw.refused(with("VERIFY", "the-key-of-the-allowlist"))
            .await,
        "AUTH_REQUIRED"
    );
    assert_eq!(
        raw.refused(with("VERIFY", "the-key-of-the-rest")).await,
        "AGENT_NOT_FOUND"
    );
    assert_eq!(
        raw.refused(with("KICK", "the-key-of-the-rest")).await,
        "AUTH_REQUIRED"
    );
    assert_eq!(
        raw.refused(with("KICK", "the-key-of-the-allowlist")).await,
        "AGENT_NOT_FOUND"
    );
    // Without an allowlist there is none to keep.
    let list = json!({"type": "ADMIN_LIST", "admin_key": "x"});
    assert_eq!(raw.refused(list).await, "INVALID_MSG");
    for _ in 0..3 {
        assert_eq!(raw.refused(with("KICK", "a guess")).await, "AUTH_REQUIRED");
    }
    assert_eq!(
        raw.closed().await,
        (1008, "Too many wrong admin keys".to_owned())
    );

    let bare = Server::protocol(&[]);
    let mut raw = bare.raw().await;
    assert_eq!(raw.refused(with("BAN", "x")).await, "INVALID_MSG");
    assert_eq!(raw.refused(with("VERIFY", "x")).await, "AUTH_REQUIRED");
    assert_eq!(
        raw.refused(json!({"type": "ADMIN_OPEN_WINDOW", "admin_key": "x"}))
            .await,
        "INVALID_MSG"
    );
}

#[tokio::test]
async fn a_ban_holds_also_where_nobody_holds_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let data = ["--data-dir", &folder.path().display().to_string()];
    let key = ["--allowlist-admin-key", "a-key-for-a-while"];
    let server = Server::protocol(&[data, key].concat());
    let identity = Identity::generate().unwrap();
    let mut operator = server.raw().await;
    let ban = json!({"type": "ADMIN_BAN", "agent_id": identity.agent_id(), "admin_key": "a-key-for-a-while"});
    operator.tell(ban).await;
    operator.hear("ADMIN_RESULT").await;
    drop(server);
    let server = Server::protocol(&data);
    let mut ada = server.raw().await;
    ada.prove("ada", &identity).await;
    assert_eq!(ada.hear("ERROR").await["code"], "BANNED");
    assert_eq!(ada.closed().await, (1000, "Banned".to_owned()));
}
