//! Messages in a channel: by writers that count their echoes, to a reader that comes back and reads on.

use std::collections::HashSet;

use agentchat_client::{Client, Event, Events};
use agentchat_protocol::Identity;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{Acknowledged, Agent, DEADLINE, count, dice::Dice, process::Server, raw::Raw, text};

const CHANNEL: &str = "#general";
const WRITERS: usize = 3;
/// Messages of a writer that wait for their echo.
const WINDOW: u64 = 8;

/// A message, as it was received.
#[derive(Clone, Debug, PartialEq)]
struct Received {
    epoch: String,
    offset: u64,
    msg_id: String,
    content: String,
}

impl Received {
    fn of(frame: &Value) -> Option<Self> {
        (frame["type"] == "MSG" && frame["to"] == CHANNEL).then(|| Self {
            epoch: text(frame, "epoch"),
            offset: frame["offset"].as_u64().unwrap(),
            msg_id: text(frame, "msg_id"),
            content: text(frame, "content"),
        })
    }
}

pub struct Messages {
    writers: Vec<Agent>,
    reader: Agent,
    /// Echoes.
    acknowledged: Vec<Received>,
    /// All that the reader received, over all connections.
    received: Vec<Received>,
    /// Our client, which comes back by itself.
    client: (Client, Events),
}

impl Messages {
    pub async fn new(server: &Server) -> Self {
        let mut writers = vec![];
        for _ in 0..WRITERS {
            writers.push(Agent::new(server).await);
        }
        let key = Some(Identity::generate().unwrap());
        let client = server.client_in("client", key, &[CHANNEL]);
        timeout(DEADLINE, client.0.connected())
            .await
            .unwrap()
            .unwrap();
        // Before anybody speaks: what it hears is everything.
        client.0.join(CHANNEL).await.unwrap();
        Self {
            writers,
            reader: Agent::new(server).await,
            acknowledged: vec![],
            received: vec![],
            client,
        }
    }

    /// Everybody speaks, and the reader reads, until the server is gone.
    pub async fn flood(&mut self, round: u64, seed: u64, count: &Acknowledged) {
        let writers = self.writers.iter_mut().enumerate();
        let writing = writers.map(|(n, writer)| {
            let label = format!("{round}.{n}");
            write(writer, label, Dice(seed ^ n as u64), count)
        });
        let writing = futures::future::join_all(writing);
        let (echoes, ()) = tokio::join!(writing, read(&mut self.reader.raw, &mut self.received));
        self.acknowledged.extend(echoes.into_iter().flatten());
    }

    /// Everybody comes back; the reader reads on where it was, and has read up before anybody speaks.
    pub async fn again(&mut self, server: &Server) {
        for writer in &mut self.writers {
            writer.again(server).await;
        }
        self.reader.again(server).await;
        let last = self.received.last().cloned().unwrap();
        let received = replay(&mut self.reader.raw, &last.epoch, last.offset).await;
        self.received.extend(received);
        for (at, message) in (1..).zip(&self.received) {
            assert_eq!(
                (message.offset, &message.epoch),
                (at, &last.epoch),
                "{message:?}"
            );
        }
        for echo in &self.acknowledged {
            let there = usize::try_from(echo.offset).unwrap() - 1;
            assert_eq!(self.received.get(there), Some(echo), "it was acknowledged");
        }
    }

    /// At the end: each was said once, each writer in its order, and all readers agree.
    pub async fn check(&mut self, server: &Server) {
        let mut contents = HashSet::new();
        let mut ids = HashSet::new();
        for message in &self.received {
            assert!(contents.insert(&message.content), "twice: {message:?}");
            assert!(ids.insert(&message.msg_id), "one id for two: {message:?}");
        }
        // `round.writer.number.…`
        for writer in 0..WRITERS {
            let of = |message: &Received| {
                let mut parts = message
                    .content
                    .split('.')
                    .map(|part| part.parse::<u64>().ok());
                let numbers = (parts.next()??, parts.next()??, parts.next()??);
                (numbers.1 == writer as u64).then_some((numbers.0, numbers.2))
            };
            let order: Vec<_> = self.received.iter().filter_map(of).collect();
            assert!(order.is_sorted() && !order.is_empty(), "{order:?}");
        }
        let mut newcomer = Agent::new(server).await;
        let all = replay(&mut newcomer.raw, &self.received[0].epoch, 0).await;
        assert!(all == self.received, "history changed");
        let (client, events) = &mut self.client;
        let reading = async {
            for expected in &self.received {
                let message = loop {
                    match events.recv().await.unwrap() {
                        Event::Message(message) if message.to == CHANNEL => break message,
                        Event::Missed { channel } => assert_ne!(channel, CHANNEL),
                        _ => {}
                    }
                };
                let received = (message.offset, message.msg_id.as_deref());
                assert_eq!(received, (Some(expected.offset), Some(&*expected.msg_id)));
            }
        };
        timeout(DEADLINE, reading)
            .await
            .expect("our client hears less");
        client.shutdown().await;
    }
}

/// Speaks until the connection is gone; gives the echoes.
async fn write(
    writer: &mut Agent,
    label: String,
    mut dice: Dice,
    acknowledged: &Acknowledged,
) -> Vec<Received> {
    let (mut sent, mut echoes) = (0, vec![]);
    loop {
        while sent - (echoes.len() as u64) < WINDOW {
            let filler = "x".repeat(usize::try_from(dice.below(3000)).unwrap());
            let content = format!("{label}.{sent}.{filler}");
            let frame = json!({"type": "MSG", "to": CHANNEL, "content": content});
            if !writer.raw.try_tell(frame).await {
                break;
            }
            sent += 1;
        }
        let own = |frame: &Value| frame["type"] == "MSG" && frame["from"] == *writer.id;
        let Ok(frame) = writer.raw.next().await else {
            return echoes;
        };
        assert_ne!(frame["type"], "ERROR", "{frame}");
        if own(&frame) {
            let echo = Received::of(&frame).unwrap();
            let expected = format!("{label}.{}.", echoes.len());
            assert!(echo.content.starts_with(&expected), "{expected} {echo:?}");
            echoes.push(echo);
            count(acknowledged);
        }
    }
}

async fn read(reader: &mut Raw, received: &mut Vec<Received>) {
    while let Ok(frame) = reader.next().await {
        received.extend(Received::of(&frame));
    }
}

/// Joins where one was, and hears what came after.
async fn replay(raw: &mut Raw, epoch: &str, offset: u64) -> Vec<Received> {
    let resume = json!({"epoch": epoch, "offset": offset});
    raw.tell(json!({"type": "JOIN", "channel": CHANNEL, "resume": resume}))
        .await;
    let joined = raw.hear("JOINED").await;
    assert_eq!(
        (&joined["resumed"], &joined["since"]),
        (&json!(true), &json!(offset))
    );
    let mut received = vec![];
    for _ in offset..joined["offset"].as_u64().unwrap() {
        let message = loop {
            let frame = raw.next().await.unwrap();
            if let Some(message) = Received::of(&frame) {
                break message;
            }
        };
        received.push(message);
    }
    received
}
