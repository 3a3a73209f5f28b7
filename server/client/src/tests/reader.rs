//! Readers that take no events.

use serde_json::json;
use tokio::time::timeout;

use super::{DEADLINE, fake::Fake, short, start};
use crate::{ClientError, Event, Events, limits::Limits};

async fn messages(events: &mut Events, count: usize) -> Vec<String> {
    let mut contents = vec![];
    while contents.len() < count {
        let event = timeout(DEADLINE, events.recv()).await;
        if let Event::Message(message) = event.expect("a message is missing").unwrap() {
            contents.push(message.content);
        }
    }
    contents
}

#[tokio::test]
async fn requests_are_answered_while_events_wait() {
    let fake = Fake::new().await;
    let (client, mut events) = start(&fake.url, &[], short());
    let mut line = fake.welcome().await;
    for offset in 1..=3000 {
        line.message(offset, &offset.to_string()).await;
    }
    let (answer, ()) = tokio::join!(client.ping(), async {
        line.hear("PING").await;
        line.tell(json!({"type": "PONG"})).await;
    });
    answer.unwrap();
    let expected: Vec<_> = (1..=3000).map(|n| n.to_string()).collect();
    assert_eq!(messages(&mut events, 3000).await, expected);
}

#[tokio::test]
async fn a_full_queue_pauses_reading_and_loses_nothing() {
    let limits = Limits {
        events_bytes: 10_000,
        ..short()
    };
    let fake = Fake::new().await;
    let (client, mut events) = start(&fake.url, &[], limits);
    let mut line = fake.welcome().await;
    for offset in 1..=100 {
        line.message(offset, &offset.to_string()).await;
    }
    let late = client.ping().await;
    assert!(
        matches!(&late, Err(ClientError::Disconnected(why)) if why.contains("no answer")),
        "{late:?}"
    );
    // Still the same connection; the answer that comes late is nobody else's.
    line.hear("PING").await;
    line.tell(json!({"type": "PONG"})).await;
    let expected: Vec<_> = (1..=100).map(|n| n.to_string()).collect();
    assert_eq!(messages(&mut events, 100).await, expected);
    let (answer, ()) = tokio::join!(client.list_channels(), async {
        line.hear("LIST_CHANNELS").await;
        line.tell(json!({"type": "CHANNELS", "list": []})).await;
    });
    assert_eq!(answer.unwrap(), []);
}

#[tokio::test]
async fn requests_are_answered_without_a_reader_of_events() {
    let limits = Limits {
        events_bytes: 10_000,
        ..short()
    };
    let fake = Fake::new().await;
    let (client, events) = start(&fake.url, &[], limits);
    drop(events);
    let mut line = fake.welcome().await;
    for offset in 1..=100 {
        line.message(offset, "x").await;
    }
    let (answer, ()) = tokio::join!(client.ping(), async {
        line.hear("PING").await;
        line.tell(json!({"type": "PONG"})).await;
    });
    answer.unwrap();
}
