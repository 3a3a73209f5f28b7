//! A question before one comes in.

use agentchat_protocol::Identity;
use serde_json::{Value, json};

use crate::{process::Server, raw::Raw};

fn answer(challenge: &Value, text: &str) -> Value {
    json!({"type": "CAPTCHA_RESPONSE", "captcha_id": challenge["captcha_id"], "answer": text})
}

/// A server that asks for the difference, product or sum of two numbers sooner or later; until then connections
/// are made anew. Gives a connection with the answer.
async fn asked(server: &Server) -> (Raw, Value, String) {
    loop {
        let mut raw = server.raw().await;
        raw.tell(json!({"type": "IDENTIFY", "name": "ada"})).await;
        let challenge = raw.hear("CAPTCHA_CHALLENGE").await;
        let question = challenge["question"].as_str().unwrap();
        let words: Vec<_> = question.trim_end_matches('?').split(' ').collect();
        if let ["What", "is", a, sign, b] = words[..] {
            let (a, b): (i64, i64) = (a.parse().unwrap(), b.parse().unwrap());
            let right = match sign {
                "+" => a + b,
                "-" => a - b,
                _ => a * b,
            };
            assert_eq!(challenge["hint"], "answer with a number");
            assert!(challenge["expires_at"].is_i64());
            return (raw, challenge, right.to_string());
        }
    }
}

#[tokio::test]
async fn the_right_answer_lets_one_in() {
    let server = Server::protocol(&["--captcha-enabled", "true", "--captcha-max-attempts", "2"]);
    let (mut raw, challenge, right) = asked(&server).await;
    assert_eq!(
        raw.refused(json!({"type": "JOIN", "channel": "#general"}))
            .await,
        "AUTH_REQUIRED"
    );
    // One handshake at a time.
    raw.tell(json!({"type": "IDENTIFY", "name": "ada"})).await;
    assert_eq!(raw.hear("ERROR").await["code"], "INVALID_MSG");
    let mut other = server.raw().await;
    assert_eq!(other.refused(answer(&challenge, "5")).await, "INVALID_MSG");
    assert_eq!(
        other
            .refused(answer(&json!({"captcha_id": "captcha_x"}), "5"))
            .await,
        "CAPTCHA_EXPIRED"
    );
    assert_eq!(raw.refused(answer(&challenge, "")).await, "INVALID_MSG");
    assert_eq!(
        raw.refused(answer(&challenge, "wrong")).await,
        "CAPTCHA_FAILED"
    );
    raw.tell(answer(&challenge, &format!(" +{right}.0"))).await;
    assert_eq!(raw.hear("WELCOME").await["lurk"], true);
    assert_eq!(raw.refused(answer(&challenge, &right)).await, "INVALID_MSG");
}

#[tokio::test]
async fn wrong_answers_and_none_end_the_connection() {
    let server = Server::protocol(&["--captcha-enabled", "true", "--captcha-timeout-ms", "500"]);
    let (mut raw, challenge, _) = asked(&server).await;
    assert_eq!(
        raw.refused(answer(&challenge, "wrong")).await,
        "CAPTCHA_FAILED"
    );
    assert_eq!(raw.closed().await, (1000, "Captcha failed".to_owned()));
    let (mut raw, _, _) = asked(&server).await;
    assert_eq!(raw.hear("ERROR").await["code"], "CAPTCHA_EXPIRED");
    assert_eq!(raw.closed().await, (1000, "Captcha expired".to_owned()));
    // An answered one ends nothing later.
    let (mut raw, challenge, right) = asked(&server).await;
    raw.tell(answer(&challenge, &right)).await;
    raw.hear("WELCOME").await;
    let (mut later, _, _) = asked(&server).await;
    later.closed().await;
    raw.tell(json!({"type": "PING"})).await;
    raw.hear("PONG").await;
}

#[tokio::test]
async fn who_fails_may_come_in_as_a_visitor_and_who_is_trusted_is_not_asked() {
    let shadow = [
        "--captcha-enabled",
        "true",
        "--captcha-fail-action",
        "shadow_lurk",
    ];
    let server = Server::protocol(&shadow);
    let identity = Identity::generate().unwrap();
    let mut raw = server.raw().await;
    raw.prove("ada", &identity).await;
    let challenge = raw.hear("CAPTCHA_CHALLENGE").await;
    raw.tell(answer(&challenge, "certainly wrong")).await;
    let welcome = raw.hear("WELCOME").await;
    assert_ne!(welcome["agent_id"], format!("@{}", identity.agent_id()));
    assert_eq!(
        (&welcome["lurk"], welcome.get("verified")),
        (&json!(true), None)
    );

    let trusting = Server::public(&shadow);
    trusting.raw_approved("sam").await;
}
