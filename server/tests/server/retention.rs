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

#[tokio::test]
async fn who_comes_back_after_a_restart_gets_the_rest_once_or_hears_what_is_gone() {
    let mut server = Server::public(&["--retain-messages", "20", "--replay", "5"]);
    let mut ada = server.raw_approved("ada").await;
    let mut epoch = Value::Null;
    for n in 1..=30 {
        epoch = ada.say("#general", &n.to_string()).await["epoch"].clone();
    }
    server.kill_and_restart();
    let mut ada = server.raw_approved("ada").await;
    for n in 31..=60 {
        ada.say("#general", &n.to_string()).await;
    }
    server.kill_and_restart();
    let mut sam = server.raw_approved("sam").await;
    let contents = |messages: &[Value]| -> Vec<u64> {
        let messages = messages.iter().filter(|frame| frame["type"] == "MSG");
        let number = |m: &Value| m["content"].as_str().unwrap().parse().unwrap();
        messages.map(number).collect()
    };
    // What is kept reaches back to somewhere between the bound and its slack.
    let mut reached = 0;
    for offset in (0..=60).rev() {
        let (joined, messages) = join(&mut sam, json!({"epoch": epoch, "offset": offset})).await;
        let (since, last) = (joined["since"].as_u64().unwrap(), 60);
        assert_eq!(
            contents(&messages),
            (since + 1..=last).collect::<Vec<_>>(),
            "{joined}"
        );
        match joined["resumed"].as_bool().unwrap() {
            true => {
                assert_eq!(since, offset, "{joined}");
                reached = last - since;
            }
            // Told that something is missing, and given what newcomers are given.
            false => assert!(offset < since && since == last - 5, "{joined}"),
        }
    }
    assert!((20..40).contains(&reached), "{reached}");
}
