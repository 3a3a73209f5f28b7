//! Asking for what was said, while one listens.

use serde_json::{Value, json};
use tokio::time::timeout;

use super::{DEADLINE, fake::Fake, short, start};
use crate::{Event, Position};

fn said(offset: u64, replay: bool) -> Value {
    let mut frame = json!({"type": "MSG", "from": "@you", "to": "#room", "content": offset.to_string(),
        "epoch": "e", "offset": offset});
    if replay {
        frame["replay"] = true.into();
    }
    frame
}

#[tokio::test]
async fn requested_history_goes_to_the_caller_and_not_to_the_reader_of_events() {
    let fake = Fake::new().await;
    let (client, mut events) = start(&fake.url, &[], short());
    let mut line = fake.welcome().await;
    line.tell(said(7, false)).await;
    let after = Position {
        epoch: "e".into(),
        offset: 4,
    };
    let (history, ()) = tokio::join!(client.history("#room", Some(after.clone())), async {
        assert_eq!(line.hear("JOIN").await["resume"], json!(after));
        line.hear("PING").await;
        line.tell(
            json!({"type": "JOINED", "channel": "#room", "agents": [], "epoch": "e",
            "offset": 7, "since": 4, "resumed": true}),
        )
        .await;
        line.tell(said(5, true)).await;
        // History goes at its own pace: other things come in between.
        line.tell(json!({"type": "PONG"})).await;
        line.tell(said(6, true)).await;
        line.tell(json!({"type": "ERROR", "code": "X", "message": "of something else"}))
            .await;
        line.tell(said(7, true)).await;
        line.tell(said(8, false)).await;
    });
    let history = history.unwrap();
    let offsets: Vec<_> = history.messages.iter().filter_map(|m| m.offset).collect();
    assert_eq!((offsets, history.resumed), (vec![5, 6, 7], true));
    assert_eq!(history.end.unwrap().offset, 7);
    let mut heard = vec![];
    while heard.len() < 2 {
        if let Event::Message(message) = timeout(DEADLINE, events.recv()).await.unwrap().unwrap() {
            heard.push(message.offset.unwrap());
        }
    }
    assert_eq!(heard, [7, 8]);
    // The next request is not answered by what was left of this one.
    let (pinged, ()) = tokio::join!(client.ping(), async {
        line.hear("PING").await;
        line.tell(json!({"type": "PONG"})).await;
    });
    pinged.unwrap();
}

#[tokio::test]
async fn without_an_order_history_ends_with_the_answer_to_a_ping() {
    let fake = Fake::new().await;
    let (client, _events) = start(&fake.url, &[], short());
    let mut line = fake.welcome().await;
    let (history, ()) = tokio::join!(client.history("#room", None), async {
        line.hear("JOIN").await;
        line.hear("PING").await;
        line.tell(json!({"type": "JOINED", "channel": "#room", "agents": []}))
            .await;
        line.tell(
            json!({"type": "MSG", "from": "@a", "to": "#room", "content": "x", "replay": true}),
        )
        .await;
        line.tell(json!({"type": "PONG"})).await;
    });
    let history = history.unwrap();
    assert_eq!((history.messages.len(), history.end), (1, None));
    let (refused, ()) = tokio::join!(client.history("#none", None), async {
        line.hear("JOIN").await;
        line.hear("PING").await;
        line.tell(json!({"type": "ERROR", "code": "CHANNEL_NOT_FOUND", "message": "no"}))
            .await;
        line.tell(json!({"type": "PONG"})).await;
    });
    assert!(refused.is_err());
}
