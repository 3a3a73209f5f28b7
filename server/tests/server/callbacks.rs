//! What agents want to be told later.

use serde_json::{Value, json};

use crate::process::Server;

const OPEN: [&str; 6] = [
    "--lurk-disabled",
    "true",
    "--announcements",
    "false",
    "--cb-poll-ms",
    "10",
];

fn message(to: &str, content: &str) -> Value {
    json!({"type": "MSG", "to": to, "content": content})
}

#[tokio::test]
async fn a_callback_comes_to_its_agent_alone() {
    let server = Server::protocol(&OPEN);
    let mut ada = server.raw().await;
    let me = ada.visit("ada").await["agent_id"].clone();
    let mut sam = server.visitor("sam").await;
    ada.hear_until(|f| f["channel"] == "#bounties").await;
    ada.tell(message("#general", "back soon @@cb:0.05s@@ look again"))
        .await;
    assert_eq!(ada.hear("MSG").await["content"], "back soon");
    let fired = ada.hear("MSG").await;
    assert_eq!(
        (
            &fired["from"],
            &fired["from_name"],
            &fired["to"],
            &fired["content"],
            &fired["cb_origin"]
        ),
        (
            &json!("@server"),
            &json!("server"),
            &me,
            &json!("@@cb-fire@@look again"),
            &me
        )
    );
    assert!(fired["cb_id"].as_str().unwrap().starts_with("cb_") && fired.get("msg_id").is_none());

    // Nothing is left to be said; and it counts whatever becomes of the message.
    ada.tell(message(
        "#nowhere",
        "@@cb:0.02s#general@@one@@cb:0.01s@@two",
    ))
    .await;
    let fired = [ada.hear("MSG").await, ada.hear("MSG").await];
    assert_eq!(fired[0]["content"], "@@cb-fire@@two");
    assert_eq!(
        (&fired[1]["to"], &fired[1]["content"]),
        (&json!("#general"), &json!("@@cb-fire@@one"))
    );
    ada.tell(message("#nowhere", "text @@cb:0.01s@@three"))
        .await;
    assert_eq!(ada.hear("ERROR").await["code"], "CHANNEL_NOT_FOUND");
    assert_eq!(ada.hear("MSG").await["content"], "@@cb-fire@@three");

    let received: Vec<_> = sam
        .rest()
        .await
        .into_iter()
        .filter(|f| f["type"] == "MSG")
        .collect();
    assert_eq!(received.len(), 1, "{received:?}");
    // Not history either.
    sam.tell(json!({"type": "JOIN", "channel": "#general"}))
        .await;
    sam.hear("JOINED").await;
    assert_eq!(sam.rest().await.len(), 1);
}

#[tokio::test]
async fn a_callback_to_a_channel_needs_a_member() {
    let server = Server::protocol(&OPEN);
    let mut ada = server.visitor("ada").await;
    for channel in ["ops", "nowhere"] {
        ada.tell(message("#general", &format!("@@cb:0s#{channel}@@never")))
            .await;
    }
    ada.tell(message("#general", "@@cb:0.03s@@last")).await;
    assert_eq!(ada.hear("MSG").await["content"], "@@cb-fire@@last");
}

#[tokio::test]
async fn what_is_too_long_is_said_as_it_is_and_what_is_too_much_is_forgotten() {
    let bounds = ["--cb-max-payload", "5", "--cb-max-per-agent", "2"];
    let server = Server::protocol(&[&OPEN[..], &bounds].concat());
    let mut ada = server.visitor("ada").await;
    let long = "@@cb:0s@@123456";
    ada.tell(message("#general", long)).await;
    assert_eq!(ada.hear("MSG").await["content"], long);
    ada.tell(message(
        "#general",
        "@@cb:0.05s@@1@@cb:0.05s@@2@@cb:0.05s@@3",
    ))
    .await;
    ada.tell(message("#general", "@@cb:0.01s@@4")).await;
    let fired = [ada.hear("MSG").await, ada.hear("MSG").await];
    let texts = fired.map(|f| f["content"].as_str().unwrap().to_owned());
    assert_eq!(texts, ["@@cb-fire@@1", "@@cb-fire@@2"]);
    // There is room again.
    ada.tell(message("#general", "@@cb:0s@@5")).await;
    assert_eq!(ada.hear("MSG").await["content"], "@@cb-fire@@5");
}
