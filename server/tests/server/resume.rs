//! Coming back to a channel: exactly what was missed, at the reader's pace.

use serde_json::{Value, json};

use crate::{process::Server, raw::Raw};

fn public() -> Server {
    Server::public(&["--replay", "3"])
}

/// What comes of a JOIN: the answer, and the messages after it.
async fn join(raw: &mut Raw, resume: Value) -> (Value, Vec<Value>) {
    raw.tell(json!({"type": "JOIN", "channel": "#general", "resume": resume}))
        .await;
    let joined = raw.hear("JOINED").await;
    let last = joined["offset"].as_u64().unwrap();
    let mut messages = vec![];
    for _ in joined["since"].as_u64().unwrap()..last {
        messages.push(raw.hear("MSG").await);
    }
    (joined, messages)
}

fn contents(messages: &[Value]) -> Vec<&str> {
    let replayed = messages.iter().filter(|m| m["replay"] == true);
    replayed.map(|m| m["content"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn join_with_resume_gives_exactly_what_comes_after() {
    let server = public();
    let mut ada = server.raw_approved("ada").await;
    let mut epoch = Value::Null;
    for n in 1..=6 {
        epoch = ada.say("#general", &format!("m{n}")).await["epoch"].clone();
    }
    let mut sam = server.raw_approved("sam").await;
    // Further back than newcomers are told.
    let (joined, messages) = join(&mut sam, json!({"epoch": epoch, "offset": 1})).await;
    assert_eq!(joined["resumed"], true, "{joined}");
    assert_eq!(contents(&messages), ["m2", "m3", "m4", "m5", "m6"]);
    let (joined, messages) = join(&mut sam, json!({"epoch": epoch, "offset": 6})).await;
    assert_eq!((&joined["resumed"], messages.len()), (&json!(true), 0));
    // The stranger who approved this key may be seen leaving late; messages are what must not come.
    let rest = sam.rest().await;
    assert!(rest.iter().all(|f| f["type"] != "MSG"), "{rest:?}");
    // Positions of several channels at a time: each JOIN takes its own.
    let positions =
        json!({"#help": {"epoch": "x", "offset": 1}, "#general": {"epoch": epoch, "offset": 4}});
    let (joined, messages) = join(&mut sam, positions).await;
    assert_eq!(
        (&joined["resumed"], contents(&messages)),
        (&json!(true), vec!["m5", "m6"])
    );
    let (joined, messages) = join(&mut sam, json!({"#help": {"epoch": epoch, "offset": 1}})).await;
    assert_eq!((joined.get("resumed"), messages.len()), (None, 3));
}

#[tokio::test]
async fn a_position_that_history_does_not_reach_is_told_so() {
    let server = public();
    let mut ada = server.raw_approved("ada").await;
    let mut epoch = Value::Null;
    for n in 1..=6 {
        epoch = ada.say("#general", &format!("m{n}")).await["epoch"].clone();
    }
    let mut sam = server.raw_approved("sam").await;
    for unknown in [
        json!({"epoch": "another", "offset": 5}),
        json!({"epoch": epoch, "offset": 7}),
    ] {
        let (joined, messages) = join(&mut sam, unknown).await;
        assert_eq!(joined["resumed"], false, "{joined}");
        assert_eq!(contents(&messages), ["m4", "m5", "m6"]);
    }
    let (joined, messages) = join(&mut sam, Value::Null).await;
    assert_eq!(joined.get("resumed"), None, "{joined}");
    assert_eq!(contents(&messages), ["m4", "m5", "m6"]);
    sam.tell(json!({"type": "JOIN", "channel": "#general", "resume": {"epoch": 1}}))
        .await;
    assert_eq!(sam.hear("ERROR").await["code"], "INVALID_MSG");
}

#[tokio::test]
async fn welcome_tells_where_the_channels_stand() {
    let server = public();
    let mut ada = server.raw_approved("ada").await;
    let said = ada.say("#general", "hello").await;
    let identity = server.identity().await;
    let mut sam = server.raw().await;
    sam.prove("sam", &identity).await;
    let welcome = sam.hear("WELCOME").await;
    assert_eq!(
        welcome["channels"]["#general"],
        json!({"epoch": said["epoch"], "offset": 1})
    );
    assert_eq!(welcome["channels"]["#help"]["offset"], 0);
}

#[tokio::test]
async fn history_is_paced_and_never_makes_a_slow_consumer() {
    let server = Server::public(&["--queue-bytes", "1000000"]);
    let mut ada = server.raw_approved("ada").await;
    let much = "x".repeat(100 * 1024);
    for n in 1..=60 {
        ada.say("#general", &format!("{n} {much}")).await;
    }
    // Six times as much as may wait for a session.
    let mut sam = server.raw_approved("sam").await;
    sam.tell(json!({"type": "JOIN", "channel": "#general"}))
        .await;
    sam.hear("JOINED").await;
    for n in 61..=63 {
        ada.say("#general", &format!("{n} short")).await;
    }
    for n in 1..=63 {
        let message = sam.hear("MSG").await;
        let content = message["content"].as_str().unwrap();
        assert!(content.starts_with(&format!("{n} ")), "{n}");
        assert_eq!(message["replay"] == true, n <= 60, "{n}");
    }
    // Caught up: it hears what is said as everybody does.
    ada.say("#general", "live").await;
    assert_eq!(sam.hear("MSG").await["content"], "live");
}
