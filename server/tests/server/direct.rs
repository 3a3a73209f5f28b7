//! From agent to agent: messages, and pieces of files.

use agentchat_protocol::Identity;
use serde_json::{Value, json};

use crate::{process::Server, raw::Raw};

fn direct(to: &str, content: &str) -> Value {
    json!({"type": "MSG", "to": to, "content": content})
}

fn chunk(to: &str) -> Value {
    json!({"type": "FILE_CHUNK", "to": to, "content": "data"})
}

/// An approved agent, and its id with `@`.
async fn approved(server: &Server, name: &str, consent: Value) -> (Raw, String) {
    let identity = server.identity().await;
    let mut raw = server.raw().await;
    let key = identity.public_key_pem();
    raw.tell(json!({"type": "IDENTIFY", "name": name, "pubkey": key, "direct": consent}))
        .await;
    let challenge = raw.hear("CHALLENGE").await;
    raw.answer(&challenge, &identity).await;
    raw.hear("WELCOME").await;
    (raw, format!("@{}", identity.agent_id()))
}

#[tokio::test]
async fn a_direct_message_reaches_its_receiver_and_its_sender_and_no_history() {
    let server = Server::plain(&[]);
    let (mut ada, ada_id) = approved(&server, "ada", Value::Null).await;
    let (mut sam, sam_id) = approved(&server, "sam", Value::Null).await;
    ada.tell(direct(&sam_id, "psst")).await;
    let (echo, received) = (ada.hear("MSG").await, sam.hear("MSG").await);
    assert_eq!(echo, received);
    assert_eq!(
        (
            &received["from"],
            &received["to"],
            &received["content"],
            received.get("offset")
        ),
        (&json!(ada_id), &json!(sam_id), &json!("psst"), None)
    );
    assert_eq!(
        ada.refused(direct("@0123456789abcdef", "x")).await,
        "AGENT_NOT_FOUND"
    );
    // A name is not an address.
    assert_eq!(ada.refused(direct("@sam", "x")).await, "AGENT_NOT_FOUND");
    ada.tell(direct(&ada_id, "note to self")).await;
    assert_eq!(ada.rest().await.len(), 2);
}

#[tokio::test]
async fn the_receiver_decides_from_whom() {
    let server = Server::plain(&["--allowlist-strict", "false", "--lurk-ms", "0"]);
    let (mut nobody, nobody_id) = approved(&server, "nobody", json!("none")).await;
    let (_all, all_id) = approved(&server, "all", json!("all")).await;
    let (mut picky, picky_id) = approved(&server, "picky", Value::Null).await;
    let (mut stranger, stranger_id) = server.keyed("stranger").await;
    stranger.tell(direct(&all_id, "hi")).await;
    stranger.hear("MSG").await;
    for (to, frame) in [(&nobody_id, direct), (&picky_id, direct)].map(|(to, f)| (to, f(to, "x"))) {
        assert_eq!(stranger.refused(frame).await, "NOT_ALLOWED", "{to}");
    }
    assert_eq!(stranger.refused(chunk(&picky_id)).await, "NOT_ALLOWED");
    // Whoever is written to may answer.
    picky.tell(direct(&stranger_id, "who are you?")).await;
    picky.hear("MSG").await;
    stranger.tell(direct(&picky_id, "a friend")).await;
    picky.hear_until(|f| f["content"] == "a friend").await;
    nobody.tell(direct(&picky_id, "x")).await;
    nobody.hear("MSG").await;
    // Without a key nobody writes.
    let server = Server::plain(&["--allowlist-strict", "false", "--lurk-disabled", "true"]);
    let (_all, all_id) = approved(&server, "all", json!("all")).await;
    let mut visitor = server.visitor("visitor").await;
    assert_eq!(
        visitor.refused(direct(&all_id, "x")).await,
        "SIGNATURE_REQUIRED"
    );
    let wrong = json!({"type": "IDENTIFY", "name": "x", "direct": "some"});
    assert_eq!(server.raw().await.refused(wrong).await, "INVALID_MSG");
}

#[tokio::test]
async fn a_pair_has_its_pace_and_a_connection_its_age() {
    let server = Server::plain(&["--rate-limit-ms", "1"]);
    let (mut ada, _) = approved(&server, "ada", Value::Null).await;
    let (mut sam, sam_id) = approved(&server, "sam", Value::Null).await;
    let mut received = 0;
    let refusal = loop {
        ada.tell(direct(&sam_id, "again")).await;
        match ada.next().await.unwrap() {
            frame if frame["type"] == "MSG" => received += 1,
            frame if frame["code"] == "RATE_LIMITED" => {
                // Two messages within one millisecond are too many too.
                if frame["message"].as_str().unwrap().contains("a minute") {
                    break frame;
                }
            }
            frame => panic!("{frame}"),
        }
    };
    assert_eq!(received, 60, "{refusal}");
    assert_eq!(sam.rest().await.len(), 60);

    let server = Server::plain(&["--dm-age-gate-ms", "300000"]);
    let (mut ada, ada_id) = approved(&server, "ada", Value::Null).await;
    assert_eq!(ada.refused(direct(&ada_id, "x")).await, "DM_AGE_GATE");
}

#[tokio::test]
async fn as_it_was_before_means_by_name_and_without_a_key() {
    let server = Server::protocol(&[
        "--dms-enabled",
        "upstream",
        "--dm-age-gate-ms",
        "0",
        "--lurk-disabled",
        "true",
    ]);
    let mut ada = server.visitor("ada").await;
    let mut sam = server.raw().await;
    let sam_id = sam.visit("sam").await["agent_id"].clone();
    ada.tell(direct("@sam", "hi")).await;
    let received = sam.hear_until(|f| f["content"] == "hi").await;
    assert_eq!(received.last().unwrap()["to"], sam_id);
    assert_eq!(ada.refused(direct("@eve", "hi")).await, "AGENT_NOT_FOUND");
}

#[tokio::test]
async fn pieces_of_files_go_to_one_agent() {
    let server = Server::plain(&[]);
    let (mut ada, ada_id) = approved(&server, "ada", Value::Null).await;
    let (mut sam, sam_id) = approved(&server, "sam", Value::Null).await;
    ada.tell(json!({"type": "FILE_CHUNK", "to": "#general", "content": "x"}))
        .await;
    let error = ada.hear("ERROR").await;
    assert!(
        error["code"] == "INVALID_MSG" && error["message"].as_str().unwrap().contains("DM targets")
    );
    assert_eq!(
        ada.refused(json!({"type": "FILE_CHUNK", "content": "x"}))
            .await,
        "INVALID_MSG"
    );
    assert_eq!(
        ada.refused(json!({"type": "FILE_CHUNK", "to": sam_id}))
            .await,
        "INVALID_MSG"
    );
    ada.tell(chunk(&sam_id)).await;
    let received = sam.hear("FILE_CHUNK").await;
    assert_eq!(
        (&received["from"], &received["to"], &received["content"]),
        (&json!(ada_id), &json!(sam_id), &json!("data"))
    );
    assert_eq!(ada.refused(chunk(&sam_id)).await, "RATE_LIMITED");
    assert_eq!(
        sam.refused(chunk("@0123456789abcdef")).await,
        "AGENT_NOT_FOUND"
    );
    let mut open = server.raw().await;
    assert_eq!(open.refused(chunk(&sam_id)).await, "AUTH_REQUIRED");
}

#[tokio::test]
async fn a_receiver_that_does_not_read_is_spared_pieces_of_files() {
    let server = Server::plain(&["--queue-bytes", "3000000"]);
    let (mut ada, _) = approved(&server, "ada", Value::Null).await;
    let (_deaf, deaf_id) = approved(&server, "deaf", Value::Null).await;
    let much = "x".repeat(1_400_000);
    let refused = async {
        loop {
            ada.tell(json!({"type": "FILE_CHUNK", "to": deaf_id, "content": much}))
                .await;
            for frame in ada.rest().await {
                if frame["message"]
                    .as_str()
                    .is_some_and(|text| text.contains("read yet"))
                {
                    return frame["code"].clone();
                }
            }
        }
    };
    assert_eq!(refused.await, "RATE_LIMITED");
    // Still there, not cut off.
    ada.tell(direct(&deaf_id, "are you there?")).await;
    ada.hear("MSG").await;
}

#[tokio::test]
async fn switched_off_is_refused_before_anything_else() {
    let server = Server::protocol(&["--lurk-disabled", "true"]);
    assert_eq!(server.raw().await.refused(chunk("@x")).await, "INVALID_MSG");
    let mut ada = server.visitor("ada").await;
    assert_eq!(ada.refused(direct("@x", "y")).await, "INVALID_MSG");
    // As it was: also between newcomers, as long as they have keys or not.
    let server = Server::protocol(&["--file-transfer-enabled", "upstream"]);
    let (mut ada, _) = server.keyed("ada").await;
    let identity = Identity::generate().unwrap();
    let mut sam = server.raw().await;
    sam.enter("sam", &identity).await;
    ada.tell(chunk(&format!("@{}", identity.agent_id()))).await;
    assert_eq!(sam.hear("FILE_CHUNK").await["content"], "data");
}
