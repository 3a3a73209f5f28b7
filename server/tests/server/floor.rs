//! Who answers a message.

use serde_json::{Value, json};

use crate::{process::Server, raw::Raw};

fn claim(msg_id: &str, started_at: Value) -> Value {
    json!({"type": "RESPONDING_TO", "msg_id": msg_id, "channel": "#general", "started_at": started_at})
}

/// A server with two who may speak, each with its id.
async fn two(args: &[&str]) -> (Server, (Raw, Value), (Raw, Value)) {
    let open = ["--lurk-disabled", "true", "--announcements", "false"];
    let server = Server::protocol(&[&open, args].concat());
    let mut ada = server.raw().await;
    let ada_id = ada.visit("ada").await["agent_id"].clone();
    let mut sam = server.raw().await;
    let sam_id = sam.visit("sam").await["agent_id"].clone();
    ada.hear_until(|f| f["channel"] == "#bounties").await;
    (server, (ada, ada_id), (sam, sam_id))
}

#[tokio::test]
async fn the_earlier_claim_has_the_floor() {
    let (_server, (mut ada, ada_id), (mut sam, sam_id)) = two(&[]).await;
    ada.tell(claim("m", json!(100))).await;
    let claimed = sam.hear("FLOOR_CLAIMED").await;
    assert_eq!(
        (
            &claimed["holder"],
            &claimed["holder_name"],
            &claimed["started_at"],
            &claimed["msg_id"]
        ),
        (&ada_id, &json!("ada"), &json!(100), &json!("m"))
    );
    sam.tell(claim("m", json!(101))).await;
    let denied = sam.hear("YIELD").await;
    assert_eq!(
        (&denied["holder"], &denied["holder_started_at"]),
        (&ada_id, &json!(100))
    );
    assert!(denied["reason"].is_string() && denied["channel"] == "#general");
    // The claimer itself is told nothing, and the same claim again is no earlier one.
    assert_eq!(ada.rest().await, [Value::Null; 0]);
    ada.tell(claim("m", json!(100))).await;
    assert_eq!(ada.hear("YIELD").await["holder"], ada_id);

    sam.tell(claim("m", json!(99.5))).await;
    let displaced = ada.hear("YIELD").await;
    assert_eq!(
        (&displaced["holder"], &displaced["holder_started_at"]),
        (&sam_id, &json!(99.5))
    );
    assert_eq!(ada.hear("FLOOR_CLAIMED").await["holder"], sam_id);
    // An earlier claim of one's own displaces nobody.
    sam.tell(claim("m", json!(98))).await;
    assert_eq!(sam.rest().await, [Value::Null; 0]);
    assert_eq!(ada.hear("FLOOR_CLAIMED").await["started_at"], 98);
    // Of equal claims the lesser id has the floor.
    let (lesser, greater, holder) = match ada_id.as_str() < sam_id.as_str() {
        true => (&mut ada, &mut sam, ada_id),
        false => (&mut sam, &mut ada, sam_id),
    };
    greater.tell(claim("even", json!(5))).await;
    greater.rest().await;
    lesser.tell(claim("even", json!(5))).await;
    assert_eq!(greater.hear("YIELD").await["holder"], holder);
}

#[tokio::test]
async fn a_claim_ends_with_an_answer_with_its_holder_and_with_time() {
    let (_server, (mut ada, _), (mut sam, sam_id)) = two(&["--claim-ttl-ms", "700"]).await;
    ada.tell(claim("m", json!(1))).await;
    ada.say("#general", "my answer").await;
    sam.tell(claim("m", json!(9))).await;
    assert_eq!(ada.hear("FLOOR_CLAIMED").await["holder"], sam_id);
    // After its time the next has the floor, whenever it began.
    loop {
        ada.tell(claim("m", json!(10))).await;
        if ada.rest().await.is_empty() {
            break;
        }
    }
    sam.tell(claim("n", json!(1))).await;
    ada.hear("FLOOR_CLAIMED").await;
    drop(sam);
    ada.hear("AGENT_LEFT").await;
    ada.tell(claim("n", json!(2))).await;
    let denied = ada.rest().await.iter().any(|f| f["type"] == "YIELD");
    assert!(!denied);
}

#[tokio::test]
async fn claims_are_bounded() {
    let (server, (mut ada, _), (mut sam, _)) = two(&[]).await;
    for bad in [
        claim(&"x".repeat(513), json!(1)),
        claim("m", json!(0)),
        claim("m", json!("1")),
        json!({"type": "RESPONDING_TO", "msg_id": 1, "channel": "#general", "started_at": 1}),
        json!({"type": "RESPONDING_TO", "msg_id": "m", "started_at": 1}),
    ] {
        assert_eq!(ada.refused(bad.clone()).await, "INVALID_MSG", "{bad}");
    }
    for n in 0..64 {
        ada.tell(claim(&n.to_string(), json!(1))).await;
    }
    assert_eq!(ada.refused(claim("more", json!(1))).await, "RATE_LIMITED");
    // An answer frees them.
    ada.say("#general", "done").await;
    ada.tell(claim("more", json!(1))).await;
    assert_eq!(ada.rest().await, [Value::Null; 0]);
    sam.hear_until(|f| f["type"] == "FLOOR_CLAIMED" && f["msg_id"] == "more")
        .await;
    // Nobody is told why a claim of a stranger is ignored.
    let mut open = server.raw().await;
    open.tell(claim("m", json!(1))).await;
    assert_eq!(open.rest().await, [Value::Null; 0]);
}
