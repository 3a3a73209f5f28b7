//! Until one is let in.

use std::time::Duration;

use serde_json::json;
use tokio::time::{sleep, timeout};

use super::{DEADLINE, disconnected, fake::Fake, short, start};
use crate::{ClientError, Event, limits::Limits};

#[tokio::test]
async fn the_last_reason_is_named_when_there_is_no_connection_in_time() {
    // Nobody answers the handshake; and nobody listens at all.
    let silent = Fake::new().await;
    let gone = Fake::new().await.url;
    for (url, words) in [(&silent.url, "within 300ms"), (&gone, "refused")] {
        let (client, _events) = start(url, &[], short());
        let limit = Duration::from_secs(1);
        let error = client.connected_within(limit).await.unwrap_err();
        assert!(
            matches!(&error, ClientError::Disconnected(why) if why.contains(words)),
            "{error}"
        );
        client.shutdown().await;
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    let fake = Fake::new().await;
    let (_client, mut events) = start(&fake.url, &[], short());
    let mut line = fake.accept().await;
    line.hear("IDENTIFY").await;
    let (reason, ()) = tokio::join!(disconnected(&mut events), line.listen());
    assert!(reason.contains("does not let us in"), "{reason}");
}

#[tokio::test]
async fn server_that_delays_the_welcome_and_lives_is_waited_for() {
    let fake = Fake::new().await;
    let (client, _events) = start(&fake.url, &[], short());
    let mut line = fake.accept().await;
    line.hear("IDENTIFY").await;
    line.tell(json!({"type": "CHALLENGE", "challenge_id": "c", "nonce": "n"}))
        .await;
    line.hear("VERIFY_IDENTITY").await;
    let held = timeout(short().silence * 4, line.listen()).await;
    assert!(held.is_err(), "the client went");
    line.welcome().await;
    let welcome = timeout(DEADLINE, client.connected()).await.unwrap();
    assert_eq!(welcome.unwrap().agent_id, "@me");
}

#[tokio::test]
async fn automatic_joins_come_first_and_not_too_fast() {
    let limits = Limits {
        joins: 2,
        join_window: Duration::from_millis(300),
        answer: Duration::from_secs(10),
        ..short()
    };
    let fake = Fake::new().await;
    let (client, mut events) = start(&fake.url, &["#a", "#b", "#c"], limits);
    let asked = tokio::spawn(async move { client.list_channels().await });
    let mut line = fake.welcome().await;
    let begun = tokio::time::Instant::now();
    for channel in ["#a", "#b", "#c"] {
        assert_eq!(line.hear("JOIN").await["channel"], channel);
        line.tell(match channel {
            "#b" => json!({"type": "ERROR", "code": "CHANNEL_NOT_FOUND", "message": "no"}),
            _ => json!({"type": "JOINED", "channel": channel, "agents": []}),
        })
        .await;
    }
    assert!(begun.elapsed() >= limits.join_window - Duration::from_millis(50));
    line.hear("LIST_CHANNELS").await;
    line.tell(json!({"type": "CHANNELS", "list": []})).await;
    assert_eq!(asked.await.unwrap().unwrap(), []);
    assert!(matches!(events.recv().await, Some(Event::Connected(_))));
    let refused = events.recv().await.unwrap();
    assert!(
        matches!(&refused, Event::JoinRefused { channel, .. } if channel == "#b"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn displaced_session_does_not_reconnect_at_once() {
    let limits = Limits {
        longest_backoff: Duration::from_millis(600),
        ..short()
    };
    let fake = Fake::new().await;
    let (_client, mut events) = start(&fake.url, &[], limits);
    let mut line = fake.welcome().await;
    line.tell(json!({"type": "SESSION_DISPLACED", "reason": "Another connection"}))
        .await;
    drop(line);
    let reason = disconnected(&mut events).await;
    assert!(reason.contains("SESSION_DISPLACED"), "{reason}");
    let pause = limits.longest_backoff / 2;
    tokio::select! {
        () = sleep(pause - Duration::from_millis(100)) => {}
        _ = fake.accept() => panic!("it came back at once"),
    }
    fake.welcome().await;
}
