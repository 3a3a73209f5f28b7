//! Proving who one is, and one identity on two connections.

use std::time::{Duration, Instant};

use agentchat_protocol::Identity;
use serde_json::json;

use crate::{process::Server, raw::Raw};

/// How long the first newcomer that is not let in at once is held.
const HOLD: Duration = Duration::from_secs(5);

async fn proven(server: &Server, identity: &Identity) -> Raw {
    let mut raw = server.raw().await;
    raw.prove("ada", identity).await;
    raw
}

/// A server, an identity, and a session of it that has taken over an earlier one.
async fn taken_over() -> (Server, Identity, Raw) {
    let server = Server::plain(&[]);
    let identity = server.identity().await;
    let mut first = proven(&server, &identity).await;
    first.hear("WELCOME").await;
    let mut second = proven(&server, &identity).await;
    second.hear("WELCOME").await;
    let displaced = first.hear("SESSION_DISPLACED").await;
    let reason = displaced["reason"].as_str().unwrap();
    assert!(reason.contains("Another connection"), "{displaced}");
    assert!(displaced.get("new_ip").is_some());
    let (code, reason) = first.closed().await;
    assert_eq!(
        (code, &*reason),
        (1000, "Identity claimed by verified connection")
    );
    (server, identity, second)
}

#[tokio::test]
async fn two_live_processes_with_one_key_do_not_take_turns() {
    let (server, identity, mut second) = taken_over().await;
    let begun = Instant::now();
    let mut third = proven(&server, &identity).await;
    // Held: not identified, and it can't begin again.
    third
        .tell(json!({"type": "JOIN", "channel": "#general"}))
        .await;
    assert_eq!(third.hear("ERROR").await["code"], "AUTH_REQUIRED");
    third.tell(json!({"type": "IDENTIFY", "name": "ada"})).await;
    assert_eq!(
        third.hear("ERROR").await["message"],
        "Challenge already pending"
    );
    // The older one reads, and so gives signs of life.
    let (_, welcome) = tokio::join!(second.closed(), third.hear("WELCOME"));
    assert!(begun.elapsed() >= HOLD, "{:?}", begun.elapsed());
    assert_eq!(welcome["agent_id"], format!("@{}", identity.agent_id()));
}

#[tokio::test]
async fn an_older_session_that_is_dead_or_goes_holds_up_nobody() {
    let (server, identity, mut second) = taken_over().await;
    let begun = Instant::now();
    let mut third = proven(&server, &identity).await;
    // The older one reads once more, and goes.
    second.tell(json!({"type": "PING"})).await;
    second.hear("PONG").await;
    drop(second);
    third.hear("WELCOME").await;
    // The older one does not read at all.
    let mut fourth = proven(&server, &identity).await;
    fourth.hear("WELCOME").await;
    assert!(begun.elapsed() < HOLD, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn of_several_that_wait_the_newest_does() {
    let (server, identity, mut second) = taken_over().await;
    let mut third = proven(&server, &identity).await;
    third.tell(json!({"type": "PING"})).await;
    third.hear("PONG").await;
    let mut fourth = proven(&server, &identity).await;
    third.hear("SESSION_DISPLACED").await;
    tokio::join!(second.closed(), fourth.hear("WELCOME"));
}

#[tokio::test]
async fn a_failed_proof_disturbs_nobody() {
    let server = Server::plain(&[]);
    let identity = server.identity().await;
    let mut first = proven(&server, &identity).await;
    first.hear("WELCOME").await;
    let mut thief = server.raw().await;
    let key = identity.public_key_pem();
    thief
        .tell(json!({"type": "IDENTIFY", "name": "ada", "pubkey": key}))
        .await;
    let challenge = thief.hear("CHALLENGE").await;
    thief
        .tell(
            json!({"type": "VERIFY_IDENTITY", "challenge_id": challenge["challenge_id"],
            "signature": "totally-invalid-signature", "timestamp": 1}),
        )
        .await;
    assert_eq!(thief.hear("ERROR").await["code"], "VERIFICATION_FAILED");
    assert_eq!(first.rest().await, [serde_json::Value::Null; 0]);
    // The socket stays open, and may try again.
    thief.prove("ada", &identity).await;
    thief.hear("WELCOME").await;
}

#[tokio::test]
async fn a_challenge_that_nobody_answers_expires() {
    let server = Server::plain(&["--challenge-timeout-ms", "300"]);
    let identity = server.identity().await;
    let mut raw = server.raw().await;
    let key = identity.public_key_pem();
    raw.tell(json!({"type": "IDENTIFY", "name": "ada", "pubkey": key}))
        .await;
    raw.hear("CHALLENGE").await;
    let error = raw.hear("ERROR").await;
    assert_eq!(error["code"], "VERIFICATION_EXPIRED");
    let text = error["message"].as_str().unwrap();
    assert!(text.contains("Challenge expired"), "{text}");
    assert_eq!(raw.closed().await, (1000, "Challenge expired".to_owned()));

    // One that was answered in time does not end the session later.
    let mut raw = proven(&server, &identity).await;
    raw.hear("WELCOME").await;
    let mut other = server.raw().await;
    other
        .tell(json!({"type": "IDENTIFY", "name": "ada", "pubkey": key}))
        .await;
    other.closed().await;
    assert_eq!(raw.rest().await, [serde_json::Value::Null; 0]);
}
