//! A server of which every step is said.

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{WebSocketStream, accept_async, tungstenite::Message};

use super::DEADLINE;

/// Where connections come in.
pub struct Fake {
    listener: TcpListener,
    pub url: String,
}

/// One connection.
pub struct Line(WebSocketStream<TcpStream>);

impl Fake {
    pub async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        Self { listener, url }
    }

    /// The next connection.
    pub async fn accept(&self) -> Line {
        let accepted = timeout(DEADLINE, self.listener.accept()).await;
        let (stream, _) = accepted.expect("no connection came").unwrap();
        Line(accept_async(stream).await.unwrap())
    }

    /// The next connection, let in.
    pub async fn welcome(&self) -> Line {
        let mut line = self.accept().await;
        line.hear("IDENTIFY").await;
        line.welcome().await;
        line
    }
}

impl Line {
    pub async fn tell(&mut self, frame: Value) {
        self.0.send(Message::text(frame.to_string())).await.unwrap();
    }

    pub async fn welcome(&mut self) {
        self.tell(json!({"type": "WELCOME", "agent_id": "@me"}))
            .await;
    }

    /// A message of a channel in order.
    pub async fn message(&mut self, offset: u64, content: &str) {
        self.tell(
            json!({"type": "MSG", "from": "@you", "to": "#room", "content": content,
            "epoch": "e", "offset": offset}),
        )
        .await;
    }

    /// The next frame, which must be of this type.
    pub async fn hear(&mut self, type_: &str) -> Value {
        let next = async {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Text(text))) => {
                        return serde_json::from_str::<Value>(&text).unwrap();
                    }
                    Some(Ok(_)) => {}
                    other => panic!("{other:?} instead of {type_}"),
                }
            }
        };
        let frame = timeout(DEADLINE, next).await;
        let frame = frame.unwrap_or_else(|_| panic!("no {type_} came"));
        assert_eq!(frame["type"], type_, "{frame}");
        frame
    }

    /// Reads, so that signs of life are given, and answers nothing, until the client goes.
    pub async fn listen(&mut self) {
        while let Some(Ok(_)) = self.0.next().await {}
    }
}
