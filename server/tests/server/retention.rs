//! How long messages are kept.

use serde_json::{Value, json};

use crate::{process::Server, raw::Raw};

async fn join(raw: &mut Raw, resume: Value) -> (Value, Vec<Value>) {
    raw.tell(json!({"type": "JOIN", "channel": "#general", "resume": resume}))
        .await;
    let joined = raw.hear("JOINED").await;
    let messages = raw.rest().await;
    (joined, messages)
}

#[tokio::test]
async fn a_channel_keeps_so_many_messages_and_its_order_goes_on() {
    let mut server = Server::public(&["--retain-messages", "10"]);
    let mut ada = server.raw_approved("ada").await;
    let mut epoch = Value::Null;
    for n in 1..=50 {
        epoch = ada.say("#general", &n.to_string()).await["epoch"].clone();
    }
    let (joined, messages) = join(&mut ada, json!({"epoch": epoch, "offset": 1})).await;
    assert_eq!(joined["resumed"], false, "{joined}");
    assert!((10..=20).contains(&messages.len()), "{}", messages.len());
    assert_eq!(messages.last().unwrap()["content"], "50");
    let (joined, messages) = join(&mut ada, json!({"epoch": epoch, "offset": 45})).await;
    assert_eq!((&joined["resumed"], messages.len()), (&json!(true), 5));
    server.kill_and_restart();
    let mut sam = server.raw_approved("sam").await;
    let said = sam.say("#general", "51").await;
    assert_eq!((&said["offset"], &said["epoch"]), (&json!(51), &epoch));
}
