//! Frames over the socket, each within its time.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Message, protocol::CloseFrame};

use crate::{connection::Socket, frames::parse};

/// What came from the server.
pub enum Incoming {
    /// A frame with its type.
    Frame(String, Value),
    /// A sign of life.
    Alive,
}

/// Sends a frame.
pub async fn put(socket: &mut Socket, frame: &Value, within: Duration) -> Result<(), String> {
    send(socket, Message::text(frame.to_string()), within).await
}

/// Asks for a sign of life.
pub async fn ping(socket: &mut Socket, within: Duration) -> Result<(), String> {
    send(socket, Message::Ping(Vec::new().into()), within).await
}

async fn send(socket: &mut Socket, message: Message, within: Duration) -> Result<(), String> {
    match timeout(within, socket.send(message)).await {
        Ok(sent) => sent.map_err(|e| e.to_string()),
        Err(_) => Err(format!(
            "the server took nothing for {} s",
            within.as_secs()
        )),
    }
}

/// The next that comes. Cancel-safe: nothing is taken before it is returned.
pub async fn take(socket: &mut Socket) -> Result<Incoming, String> {
    match socket.next().await {
        Some(Ok(Message::Text(text))) => Ok(match parse(&text) {
            Some((type_, value)) => Incoming::Frame(type_, value),
            None => Incoming::Alive,
        }),
        Some(Ok(Message::Close(Some(close)))) => {
            let CloseFrame { code, reason } = close;
            Err(format!("closed by the server: {code} {reason}"))
        }
        Some(Ok(Message::Close(None))) | None => Err("closed by the server".into()),
        Some(Ok(_)) => Ok(Incoming::Alive),
        Some(Err(error)) => Err(error.to_string()),
    }
}

/// Says goodbye.
pub async fn close(socket: &mut Socket, within: Duration) {
    if !matches!(timeout(within, socket.close(None)).await, Ok(Ok(()))) {
        tracing::debug!("the server took no farewell");
    }
}
