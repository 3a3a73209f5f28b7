//! Another CA than that of the start.

use std::time::Duration;

use super::{DEADLINE, disconnected, fake::Fake, short, start};
use crate::limits::Limits;

#[tokio::test]
async fn other_ca_ends_the_backoff_and_the_same_one_does_not() {
    let fake = Fake::new().await;
    let limits = Limits {
        // Longer than the test.
        first_backoff: DEADLINE * 20,
        longest_backoff: DEADLINE * 20,
        ..short()
    };
    let (client, mut events) = start(&fake.url, &[], limits);
    drop(fake.accept().await);
    disconnected(&mut events).await;
    client.set_ca(None);
    let attempt = tokio::time::timeout(Duration::from_millis(300), fake.accept());
    assert!(attempt.await.is_err());
    client.set_ca(Some("another".into()));
    assert_eq!(client.server().ca_pem.as_deref(), Some("another"));
    let line = fake.welcome().await;

    // One that comes while a connection stands is used after it, with a pause.
    client.connected().await.unwrap();
    client.set_ca(Some("a third".into()));
    drop(line);
    disconnected(&mut events).await;
    let attempt = tokio::time::timeout(Duration::from_millis(300), fake.accept());
    assert!(attempt.await.is_err());
}
