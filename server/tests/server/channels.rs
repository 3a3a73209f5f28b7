//! Channels: made, listed, by invitation, for verified agents, left.

use serde_json::{Value, json};

use crate::{process::Server, raw::Raw};

fn create(channel: &str, flags: Value) -> Value {
    let mut frame = json!({"type": "CREATE_CHANNEL", "channel": channel});
    for (key, value) in flags.as_object().unwrap() {
        frame[key] = value.clone();
    }
    frame
}

fn in_channel(type_: &str, channel: &str) -> Value {
    json!({"type": type_, "channel": channel})
}

async fn list(raw: &mut Raw) -> Vec<String> {
    raw.tell(json!({"type": "LIST_CHANNELS"})).await;
    let list = raw.hear("CHANNELS").await["list"].clone();
    list.as_array()
        .unwrap()
        .iter()
        .map(|c| c["name"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_channel_is_made_by_one_and_found_by_all() {
    let server = Server::plain(&[]);
    let mut ada = server.raw_approved("ada").await;
    let mut sam = server.raw_approved("sam").await;
    ada.tell(create("#new", json!({"extra": [1, 2]}))).await;
    let joined = ada.hear("JOINED").await;
    assert_eq!(
        (
            &joined["channel"],
            joined["agents"].as_array().unwrap().len()
        ),
        (&json!("#new"), 1)
    );
    // Strings here, objects in the answer to JOIN.
    assert!(joined["agents"][0].as_str().unwrap().starts_with('@'));
    assert_eq!(
        sam.refused(create("#new", json!({}))).await,
        "CHANNEL_EXISTS"
    );
    assert_eq!(sam.refused(create("new", json!({}))).await, "INVALID_MSG");
    // Nobody else was put there, or told; who comes later is put there.
    let members = |list: &Value| list["list"].as_array().unwrap().len();
    sam.tell(in_channel("LIST_AGENTS", "#new")).await;
    let agents = sam.hear("AGENTS").await;
    assert_eq!(members(&agents), 1);
    let agent = &agents["list"][0];
    assert_eq!(
        (
            &agent["name"],
            &agent["presence"],
            agent["status_text"].is_null(),
            &agent["verified"]
        ),
        (&json!("ada"), &json!("online"), true, &json!(true))
    );
    let _eve = server.raw_approved("eve").await;
    sam.tell(in_channel("LIST_AGENTS", "#new")).await;
    assert_eq!(members(&sam.hear("AGENTS").await), 2);
    assert_eq!(
        sam.refused(in_channel("LIST_AGENTS", "#none")).await,
        "CHANNEL_NOT_FOUND"
    );
    assert_eq!(
        sam.refused(in_channel("LIST_AGENTS", "none")).await,
        "INVALID_MSG"
    );
    // To leave what does not exist is answered by nothing, and one need not have been there.
    sam.tell(in_channel("LEAVE", "#none")).await;
    sam.tell(in_channel("LEAVE", "#new")).await;
    assert_eq!(sam.hear("LEFT").await["channel"], "#new");
    assert_eq!(sam.rest().await, [Value::Null; 0]);
}

#[tokio::test]
async fn a_channel_by_invitation_does_not_exist_for_others() {
    let mut server = Server::plain(&[]);
    let identity = server.identity().await;
    let mut ada = server.raw_approved("ada").await;
    let mut sam = server.raw().await;
    sam.enter("sam", &identity).await;
    let mut eve = server.raw_approved("eve").await;
    ada.tell(create("#secret", json!({"invite_only": true})))
        .await;
    ada.hear("JOINED").await;
    ada.say("#secret", "hello?").await;
    assert_eq!(list(&mut ada).await, [""; 0]);
    let guest = format!("@{}", identity.agent_id());
    let invite = json!({"type": "INVITE", "channel": "#secret", "agent": guest});
    for frame in [
        in_channel("JOIN", "#secret"),
        in_channel("LIST_AGENTS", "#secret"),
        json!({"type": "MSG", "to": "#secret", "content": "x"}),
        invite.clone(),
    ] {
        assert_eq!(
            sam.refused(frame.clone()).await,
            "CHANNEL_NOT_FOUND",
            "{frame}"
        );
    }
    for silent in [
        in_channel("TYPING", "#secret"),
        in_channel("LEAVE", "#secret"),
        json!({"type": "RESPONDING_TO", "msg_id": "1", "channel": "#secret", "started_at": 1}),
    ] {
        sam.tell(silent).await;
    }
    assert_eq!(sam.rest().await, [Value::Null; 0]);
    assert_eq!(ada.rest().await, [Value::Null; 0]);

    ada.tell(invite).await;
    let told = sam.hear("MSG").await;
    assert_eq!(
        (&told["from_name"], &told["to"]),
        (&json!("ada"), &json!(guest))
    );
    assert!(told["content"].as_str().unwrap().contains("#secret"));
    // Invited, but not there.
    let message = json!({"type": "MSG", "to": "#secret", "content": "x"});
    assert_eq!(sam.refused(message).await, "NOT_INVITED");
    sam.tell(in_channel("JOIN", "#secret")).await;
    assert_eq!(
        sam.hear("JOINED").await["agents"].as_array().unwrap().len(),
        2
    );
    assert_eq!(sam.hear("MSG").await["content"], "hello?");
    assert_eq!(
        eve.refused(in_channel("JOIN", "#secret")).await,
        "CHANNEL_NOT_FOUND"
    );

    // An invitation outlives the server; nobody is put there by itself.
    server.kill_and_restart();
    let mut sam = server.raw().await;
    assert!(
        sam.enter("sam", &identity).await["channels"]
            .get("#secret")
            .is_none()
    );
    sam.tell(in_channel("JOIN", "#secret")).await;
    sam.hear("JOINED").await;
}

#[tokio::test]
async fn invitations_need_the_switch_and_a_member() {
    let off = Server::protocol(&[]);
    let invite = json!({"type": "INVITE", "channel": "#general", "agent": "@x"});
    // Refused even before it is known who asks.
    assert_eq!(off.raw().await.refused(invite.clone()).await, "INVALID_MSG");
    let server = Server::plain(&[]);
    assert_eq!(server.raw().await.refused(invite).await, "AUTH_REQUIRED");
    let mut ada = server.raw_approved("ada").await;
    let invite =
        |channel: &str, agent: &str| json!({"type": "INVITE", "channel": channel, "agent": agent});
    assert_eq!(ada.refused(invite("#x", "@y")).await, "CHANNEL_NOT_FOUND");
    assert_eq!(ada.refused(invite("#x", "y")).await, "INVALID_MSG");
    ada.tell(create("#open", json!({}))).await;
    ada.hear("JOINED").await;
    ada.tell(in_channel("LEAVE", "#open")).await;
    assert_eq!(ada.refused(invite("#open", "@y")).await, "NOT_INVITED");
}

#[tokio::test]
async fn who_may_make_channels_is_a_setting() {
    let upstream = ["--open-channel-creation", "upstream"];
    let server = Server::protocol(&upstream);
    let mut visitor = server.visitor("ada").await;
    visitor.tell(create("#mine", json!({}))).await;
    visitor.hear("JOINED").await;
    let private = create("#private", json!({"invite_only": true}));
    assert_eq!(visitor.refused(private).await, "INVALID_MSG");
    // Not verified, so not without end.
    for n in 1..16 {
        visitor.tell(create(&format!("#mine{n}"), json!({}))).await;
        visitor.hear("JOINED").await;
    }
    assert_eq!(
        visitor.refused(create("#more", json!({}))).await,
        "INVALID_MSG"
    );

    let server = Server::protocol(&["--open-channel-creation", "gated", "--lurk-ms", "0"]);
    let mut visitor = server.visitor("ada").await;
    assert_eq!(
        visitor.refused(create("#mine", json!({}))).await,
        "AUTH_REQUIRED"
    );
    let (mut keyed, _) = server.keyed("sam").await;
    keyed.tell(create("#mine", json!({}))).await;
    keyed.hear("JOINED").await;
}
