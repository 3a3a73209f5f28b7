//! Agents that check each other's keys.

use agentchat_protocol::Identity;
use serde_json::{Value, json};

use crate::{process::Server, raw::Raw};

const NONCE: &str = "0123456789abcdef";

fn ask(target: &str, nonce: &str) -> Value {
    json!({"type": "VERIFY_REQUEST", "target": target, "nonce": nonce})
}

fn give(request: &Value, nonce: &str, sig: &str) -> Value {
    json!({"type": "VERIFY_RESPONSE", "request_id": request, "nonce": nonce, "sig": sig})
}

/// A server on which newcomers may do all of this, somebody with a key, its key, and a visitor.
async fn scene(args: &[&str]) -> (Server, Raw, Identity, Raw) {
    let quiet = ["--announcements", "false"];
    let server = Server::protocol(&[&quiet, args].concat());
    let identity = Identity::generate().unwrap();
    let mut ada = server.raw().await;
    ada.enter("ada", &identity).await;
    let visitor = server.visitor("sam").await;
    ada.hear_until(|f| f["channel"] == "#bounties").await;
    (server, ada, identity, visitor)
}

#[tokio::test]
async fn a_key_is_proven_to_whoever_asks() {
    let (_server, mut ada, identity, mut sam) = scene(&[]).await;
    let target = format!("@{}", identity.agent_id());
    sam.tell(ask(&target, NONCE)).await;
    let pending = sam.hear("VERIFY_REQUEST").await;
    assert_eq!(
        (&pending["target"], &pending["status"]),
        (&json!(target), &json!("pending"))
    );
    let asked = ada.hear("VERIFY_REQUEST").await;
    assert_eq!(
        (&asked["nonce"], &asked["request_id"]),
        (&json!(NONCE), &pending["request_id"])
    );
    assert!(
        asked["request_id"].as_str().unwrap().starts_with("verify_") && asked["from"].is_string()
    );
    let request = &asked["request_id"];

    assert_eq!(
        sam.refused(give(request, NONCE, "x")).await,
        "SIGNATURE_REQUIRED"
    );
    assert_eq!(
        ada.refused(give(request, "another-nonce-than", "x")).await,
        "INVALID_MSG"
    );
    assert_eq!(
        ada.refused(give(&json!("verify_x_0"), NONCE, "x")).await,
        "VERIFICATION_EXPIRED"
    );
    ada.tell(give(request, NONCE, &identity.sign(NONCE))).await;
    let told = ada.hear("VERIFY_SUCCESS").await;
    assert_eq!(
        (&told["request_id"], &told["verified"]),
        (request, &json!(true))
    );
    let proven = sam.hear("VERIFY_SUCCESS").await;
    assert_eq!(
        (&proven["agent"], &proven["pubkey"], &proven["request_id"]),
        (&json!(target), &json!(identity.public_key_pem()), request)
    );
    // It is used up.
    let again = give(request, NONCE, &identity.sign(NONCE));
    assert_eq!(ada.refused(again).await, "VERIFICATION_EXPIRED");
}

#[tokio::test]
async fn a_wrong_proof_fails_for_both() {
    let (server, mut ada, identity, mut sam) = scene(&[]).await;
    let target = format!("@{}", identity.agent_id());
    sam.tell(ask(&target, NONCE)).await;
    let request = ada.hear("VERIFY_REQUEST").await["request_id"].clone();
    // For another agent it is no request.
    let (mut eve, _) = server.keyed("eve").await;
    assert_eq!(eve.refused(give(&request, NONCE, "x")).await, "INVALID_MSG");
    ada.tell(give(&request, NONCE, "invalid-signature-not-base64!"))
        .await;
    assert_eq!(ada.hear("VERIFY_FAILED").await["verified"], false);
    let failed = sam.hear("VERIFY_FAILED").await;
    assert!(
        failed["reason"].as_str().unwrap().contains("failed"),
        "{failed}"
    );
    assert_eq!(
        (&failed["target"], &failed["request_id"]),
        (&json!(target), &request)
    );
}

#[tokio::test]
async fn requests_are_checked_bounded_and_end() {
    let (_server, mut ada, identity, mut sam) = scene(&["--verification-timeout-ms", "600"]).await;
    let target = format!("@{}", identity.agent_id());
    for (frame, code) in [
        (ask(&target, &"x".repeat(15)), "INVALID_MSG"),
        (ask(&target, &"x".repeat(129)), "INVALID_MSG"),
        (ask(&identity.agent_id(), NONCE), "INVALID_MSG"),
        (ask("@", NONCE), "INVALID_MSG"),
        (ask("@0123456789abcdef", NONCE), "AGENT_NOT_FOUND"),
        (
            json!({"type": "VERIFY_REQUEST", "target": {}, "nonce": NONCE}),
            "INVALID_MSG",
        ),
    ] {
        assert_eq!(sam.refused(frame.clone()).await, code, "{frame}");
    }
    for length in (113..=128).take(16) {
        sam.tell(ask(&target, &"x".repeat(length))).await;
    }
    assert_eq!(sam.refused(ask(&target, NONCE)).await, "RATE_LIMITED");
    for _ in 0..16 {
        let failed = sam.hear("VERIFY_FAILED").await;
        assert!(
            failed["reason"].as_str().unwrap().contains("timed out"),
            "{failed}"
        );
    }
    sam.tell(ask(&target, NONCE)).await;
    sam.hear("VERIFY_REQUEST").await;
    // A visitor has no key to prove.
    let visitor = ada.hear("VERIFY_REQUEST").await["from"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(ada.refused(ask(&visitor, NONCE)).await, "NO_PUBKEY");
}
