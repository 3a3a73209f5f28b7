//! SIGKILL at any moment: what was acknowledged is there, in order, once.

use std::collections::VecDeque;

use agentchat_protocol::Identity;
use serde_json::{Value, json};

use crate::{process::Server, raw::Raw};

/// How often the server is killed.
const KILLS: u32 = 50;
/// Messages that are on their way at a time.
const WINDOW: usize = 40;

/// Floods a channel; what was not acknowledged is sent again by the next connection.
struct Writer {
    identity: Identity,
    waiting: VecDeque<u64>,
    next: u64,
    acknowledged: Vec<Value>,
}

impl Writer {
    /// Says things until so many more were acknowledged; the rest is on its way when this returns.
    async fn flood(&mut self, raw: &mut Raw, count: usize) {
        raw.enter("writer", &self.identity).await;
        for n in self.waiting.clone() {
            raw.tell(message(n)).await;
        }
        let goal = self.acknowledged.len() + count;
        while self.acknowledged.len() < goal {
            while self.waiting.len() < WINDOW {
                self.waiting.push_back(self.next);
                raw.tell(message(self.next)).await;
                self.next += 1;
            }
            self.hear(raw).await;
        }
    }

    /// Hears the next acknowledgement.
    async fn hear(&mut self, raw: &mut Raw) {
        let echo = raw.hear("MSG").await;
        let n: u64 = echo["content"].as_str().unwrap().parse().unwrap();
        assert_eq!(self.waiting.pop_front(), Some(n), "out of order");
        self.acknowledged.push(echo);
    }
}

fn message(n: u64) -> Value {
    json!({"type": "MSG", "to": "#general", "content": n.to_string(), "client_msg_id": format!("c{n}")})
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill_at_any_moment() {
    let mut server = Server::plain(&["--profile", "public", "--announcements", "false"]);
    let mut writer = Writer {
        identity: server.identity().await,
        waiting: VecDeque::new(),
        next: 1,
        acknowledged: vec![],
    };
    for kill in 0..KILLS {
        let mut raw = server.raw().await;
        // Never the same moment of the batches.
        let count = usize::try_from(kill * 7919 % 61).unwrap();
        writer.flood(&mut raw, count).await;
        server.kill_and_restart();
    }
    let mut raw = server.raw().await;
    let rest = writer.waiting.len();
    writer.flood(&mut raw, rest).await;
    while !writer.waiting.is_empty() {
        writer.hear(&mut raw).await;
    }

    let mut reader = server.visitor("reader").await;
    let epoch = writer.acknowledged[0]["epoch"].clone();
    let resume = json!({"epoch": epoch, "offset": 0});
    reader
        .tell(json!({"type": "JOIN", "channel": "#general", "resume": resume}))
        .await;
    let joined = reader.hear("JOINED").await;
    assert_eq!(joined["resumed"], true);
    let count = joined["offset"].as_u64().unwrap();
    let mut stored = vec![];
    for offset in 1..=count {
        let message = reader.hear("MSG").await;
        assert_eq!(
            (&message["offset"], &message["content"]),
            (&json!(offset), &json!(offset.to_string()))
        );
        stored.push(message);
    }
    for echo in &writer.acknowledged {
        let offset = usize::try_from(echo["offset"].as_u64().unwrap()).unwrap();
        assert_eq!(
            echo["msg_id"],
            stored[offset - 1]["msg_id"],
            "another than was acknowledged"
        );
    }
    assert_eq!(count + 1, writer.next);
}

#[tokio::test]
async fn a_message_that_is_sent_again_is_said_once() {
    let mut server = Server::public(&["--rate-limit-ms", "2000"]);
    let identity = server.identity().await;
    let mut ada = server.raw().await;
    ada.enter("ada", &identity).await;
    let mut sam = server.visitor("sam").await;
    ada.hear_until(|f| f["channel"] == "#bounties").await;
    let send = |content: &str, to: &str| json!({"type": "MSG", "to": to, "content": content, "client_msg_id": "one"});
    ada.tell(send("hello @@cb:3600s@@x", "#general")).await;
    let echo = ada.hear("MSG").await;
    server.kill_and_restart();
    let mut ada = server.raw().await;
    ada.enter("ada", &identity).await;
    ada.tell(send("hello @@cb:3600s@@x", "#general")).await;
    assert_eq!(ada.hear("MSG").await, echo);
    // To somebody else it is no repetition, but a mistake.
    assert_eq!(ada.refused(send("hello", "#help")).await, "INVALID_MSG");
    for bad in [json!(""), json!(5), json!("x".repeat(65))] {
        let frame = json!({"type": "MSG", "to": "#general", "content": "x", "client_msg_id": bad});
        assert_eq!(ada.refused(frame).await, "INVALID_MSG");
    }
    // Another agent's ids are its own.
    sam.closed().await;
    let mut eve = server.raw_approved("eve").await;
    eve.tell(send("mine", "#general")).await;
    eve.hear("MSG").await;
    eve.tell(json!({"type": "JOIN", "channel": "#general"}))
        .await;
    eve.hear("JOINED").await;
    let said: Vec<_> = eve
        .rest()
        .await
        .into_iter()
        .map(|m| m["content"].clone())
        .collect();
    assert_eq!(said, ["hello", "mine"]);
}
