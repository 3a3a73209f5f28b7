//! A bare WebSocket: what goes over the wire, without our client's help.

use agentchat_protocol::{Identity, auth_text};
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, client::IntoClientRequest},
};

use crate::DEADLINE;

/// A bare WebSocket.
pub struct Raw(WebSocketStream<TcpStream>);

impl Raw {
    pub async fn connect(port: u16) -> Self {
        Self::connect_with(port, &[]).await
    }

    /// None when the server takes no more.
    pub async fn try_connect(port: u16) -> Option<Self> {
        let tcp = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
        let url = format!("ws://127.0.0.1:{port}/");
        let made = tokio_tungstenite::client_async(url, tcp).await;
        made.ok().map(|(socket, _)| Self(socket))
    }

    /// With headers of its own.
    pub async fn connect_with(port: u16, headers: &[(&'static str, &'static str)]) -> Self {
        Self::handshake(port, headers).await.0
    }

    /// As [`Self::connect_with`], and the sub-protocol that the server takes.
    pub async fn handshake(
        port: u16,
        headers: &[(&'static str, &'static str)],
    ) -> (Self, Option<String>) {
        let tcp = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let url = format!("ws://127.0.0.1:{port}/");
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let made = tokio_tungstenite::client_async(request, tcp).await;
        let (socket, response) = made.unwrap();
        let taken = response.headers().get("sec-websocket-protocol");
        let taken = taken.map(|value| value.to_str().unwrap().to_owned());
        (Self(socket), taken)
    }

    pub async fn tell(&mut self, frame: Value) {
        self.tell_text(&frame.to_string()).await;
    }

    /// Sends something that may be no frame.
    pub async fn tell_text(&mut self, text: &str) {
        let frame = Message::text(text);
        let sent = timeout(DEADLINE, self.0.send(frame)).await;
        sent.expect("the server takes nothing").unwrap();
    }

    /// Sends a binary frame.
    pub async fn tell_binary(&mut self, bytes: &[u8]) {
        let sent = timeout(DEADLINE, self.0.send(Message::binary(bytes.to_vec()))).await;
        sent.expect("the server takes nothing").unwrap();
    }

    /// Whether nothing is said for a while, and the connection stays; signs of life are given.
    pub async fn is_quiet(&mut self, a_while: std::time::Duration) -> bool {
        let next = async {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    other => return other,
                }
            }
        };
        timeout(a_while, next).await.is_err()
    }

    /// Sends a frame; false when the connection is gone.
    pub async fn try_tell(&mut self, frame: Value) -> bool {
        self.try_tell_text(&frame.to_string()).await
    }

    /// Sends something that may be no frame; false when the connection is gone.
    pub async fn try_tell_text(&mut self, text: &str) -> bool {
        let sent = timeout(DEADLINE, self.0.send(Message::text(text))).await;
        sent.expect("the server takes nothing").is_ok()
    }

    /// The next frame, or the code and reason of the close.
    pub async fn next(&mut self) -> Result<Value, (u16, String)> {
        let next = async {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Text(text))) => {
                        return Ok(serde_json::from_str(&text).unwrap());
                    }
                    Some(Ok(Message::Close(Some(close)))) => {
                        return Err((close.code.into(), close.reason.to_string()));
                    }
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    other => return Err((0, format!("{other:?}"))),
                }
            }
        };
        timeout(DEADLINE, next).await.expect("nothing came in time")
    }

    /// The next frame of a type; what comes before it is passed over.
    pub async fn hear(&mut self, type_: &str) -> Value {
        loop {
            let frame = self.next().await;
            let frame = frame.unwrap_or_else(|end| panic!("closed before {type_}: {end:?}"));
            if frame["type"] == type_ {
                return frame;
            }
        }
    }

    /// All frames up to one, which is among them.
    pub async fn hear_until(&mut self, last: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut frames = vec![];
        loop {
            let frame = self.next().await.unwrap();
            let over = last(&frame);
            frames.push(frame);
            if over {
                return frames;
            }
        }
    }

    /// Says something that is refused: the error's code.
    pub async fn refused(&mut self, frame: Value) -> String {
        self.tell(frame).await;
        self.hear("ERROR").await["code"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// All frames up to the answer to a PING, which is not among them.
    pub async fn rest(&mut self) -> Vec<Value> {
        self.tell(json!({"type": "PING"})).await;
        let mut frames = vec![];
        loop {
            match self.next().await.unwrap() {
                frame if frame["type"] == "PONG" => return frames,
                frame => frames.push(frame),
            }
        }
    }

    /// Reads to the end: the close's code and reason.
    pub async fn closed(&mut self) -> (u16, String) {
        loop {
            if let Err(end) = self.next().await {
                return end;
            }
        }
    }

    /// Says who it is, without a key; gives the greeting.
    pub async fn visit(&mut self, name: &str) -> Value {
        self.tell(json!({"type": "IDENTIFY", "name": name})).await;
        self.hear("WELCOME").await
    }

    /// Proves a key, and comes in; gives the greeting.
    pub async fn enter(&mut self, name: &str, identity: &Identity) -> Value {
        self.prove(name, identity).await;
        self.hear("WELCOME").await
    }

    /// Answers the challenge; what the server makes of it is still to be received.
    pub async fn prove(&mut self, name: &str, identity: &Identity) {
        let key = identity.public_key_pem();
        self.tell(json!({"type": "IDENTIFY", "name": name, "pubkey": key}))
            .await;
        let challenge = self.hear("CHALLENGE").await;
        self.answer(&challenge, identity).await;
    }

    /// Answers a challenge.
    pub async fn answer(&mut self, challenge: &Value, identity: &Identity) {
        let text = |key: &str| challenge[key].as_str().unwrap().to_owned();
        let (nonce, id) = (text("nonce"), text("challenge_id"));
        let now = now();
        let signature = identity.sign(&auth_text(&nonce, &id, now));
        self.tell(json!({"type": "VERIFY_IDENTITY", "challenge_id": id,
            "signature": signature, "timestamp": now}))
            .await;
    }

    /// Says something in a channel, and waits for the echo.
    pub async fn say(&mut self, channel: &str, content: &str) -> Value {
        self.tell(json!({"type": "MSG", "to": channel, "content": content}))
            .await;
        loop {
            let frame = self.hear("MSG").await;
            if frame["content"] == content {
                return frame;
            }
        }
    }
}

/// Unix milliseconds.
pub fn now() -> i64 {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap();
    since.as_millis().try_into().unwrap()
}
