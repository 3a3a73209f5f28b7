//! Clients that stop reading: nobody waits for them, not even the end of the server.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{process::Server, raw::Raw};

/// Says so much to somebody who does not read that their connection is full, or until they are cut off.
async fn flood(ada: &mut Raw, deaf: &Value) {
    let much = "x".repeat(512 * 1024);
    // More than the operating system buffers for one connection.
    for n in 0..26 {
        let content = format!("{n} {much}");
        ada.tell(json!({"type": "MSG", "to": "#general", "content": content}))
            .await;
        loop {
            let frame = ada.next().await.unwrap();
            if frame["type"] == "AGENT_LEFT" && frame["agent"] == *deaf {
                return;
            }
            if frame["content"] == content {
                break;
            }
        }
    }
}

/// A server with somebody who does not read, and somebody who speaks.
async fn deaf(args: &[&str]) -> (Server, (Raw, Value), Raw) {
    let server = Server::public(args);
    let mut deaf = server.raw().await;
    let id = deaf.visit("deaf").await["agent_id"].clone();
    let ada = server.raw_approved("ada").await;
    (server, (deaf, id), ada)
}

#[tokio::test]
async fn sigterm_ends_the_server_though_a_client_does_not_read() {
    // The queue takes all of it: the session is in the middle of a write that can't end.
    let (mut server, (_deaf, id), mut ada) = deaf(&["--queue-bytes", "1000000000"]).await;
    flood(&mut ada, &id).await;
    let status = server.terminate(Duration::from_secs(8)).await;
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn a_slow_consumer_is_cut_off_with_4008_and_the_others_are_not() {
    let (_server, (mut deaf, id), mut ada) = deaf(&["--queue-bytes", "1000000"]).await;
    flood(&mut ada, &id).await;
    let (code, reason) = deaf.closed().await;
    assert_eq!((code, reason.as_str()), (4008, "slow consumer"));
    ada.say("#general", "still here").await;
}

#[tokio::test]
async fn sigterm_closes_with_1001() {
    let mut server = Server::plain(&["--profile", "public"]);
    let mut raw = server.raw().await;
    raw.visit("ada").await;
    let closed = async move { raw.closed().await };
    let ended = server.terminate(Duration::from_secs(8));
    let ((code, _), status) = tokio::join!(closed, ended);
    assert_eq!(code, 1001);
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn more_than_a_queue_has_room_for_is_told_in_order_to_those_who_read() {
    // Room for some forty messages in a queue, and a third of that in a batch; a hundred come at once.
    let args = [
        "--queue-bytes",
        "65536",
        "--frame-limit",
        "0",
        "--rate-limit-ms",
        "0",
    ];
    let mut server = Server::public(&args);
    let mut sam = server.visitor("sam").await;
    let mut ada = server.raw_approved("ada").await;
    let wide = "x".repeat(1000);
    let last = 2000;
    let talk = async {
        for n in 1..=last {
            let content = format!("{n} {wide}");
            ada.tell(json!({"type": "MSG", "to": "#general", "content": content}))
                .await;
            if n % 100 == 0 {
                // She reads as well.
                ada.hear_until(|frame| frame["content"] == content).await;
            }
        }
    };
    let listen = async {
        for n in 1..=last {
            let received = sam.hear("MSG").await;
            assert!(
                received["content"]
                    .as_str()
                    .unwrap()
                    .starts_with(&format!("{n} "))
            );
        }
    };
    tokio::join!(talk, listen);
    assert!(server.terminate(Duration::from_secs(8)).await.success());
}
