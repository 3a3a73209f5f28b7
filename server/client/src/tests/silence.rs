//! Connections that stand, and carry nothing.

use std::time::Duration;

use super::{disconnected, fake::Fake, short, start};
use crate::{ClientError, limits::Limits};

#[tokio::test]
async fn two_missed_signs_of_life_end_the_connection() {
    let limits = Limits {
        ping: Duration::from_millis(100),
        ..short()
    };
    let fake = Fake::new().await;
    let (_client, mut events) = start(&fake.url, &[], limits);
    // It stands, and the server does not read.
    let _line = fake.welcome().await;
    let reason = disconnected(&mut events).await;
    assert!(reason.contains("no sign of life"), "{reason}");
    fake.welcome().await;
}

#[tokio::test]
async fn signs_of_life_keep_a_quiet_connection() {
    let limits = Limits {
        ping: Duration::from_millis(200),
        ..short()
    };
    let fake = Fake::new().await;
    let (_client, mut events) = start(&fake.url, &[], limits);
    let mut line = fake.welcome().await;
    let ended = async { tokio::join!(disconnected(&mut events), line.listen()) };
    let quiet = tokio::time::timeout(limits.ping * 10, ended).await;
    assert!(quiet.is_err(), "{quiet:?}");
}

#[tokio::test]
async fn a_request_without_an_answer_fails_and_so_does_the_connection() {
    let fake = Fake::new().await;
    let (client, mut events) = start(&fake.url, &[], short());
    let mut line = fake.welcome().await;
    // The server reads on, and does not answer.
    let (error, reason, ()) = tokio::join!(
        client.list_channels(),
        disconnected(&mut events),
        line.listen()
    );
    assert!(
        matches!(error, Err(ClientError::Disconnected(_))),
        "{error:?}"
    );
    assert!(reason.contains("did not answer"), "{reason}");
    // What it would have said later is nobody's answer on the next connection.
    fake.welcome().await;
}
