//! One connection: frames in to the hub, frames out from its queue.

use std::{sync::Arc, time::Duration};

use futures::{SinkExt, StreamExt};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
};
use tokio_tungstenite::{
    accept_async_with_config,
    tungstenite::{
        Message,
        protocol::{CloseFrame, WebSocketConfig},
    },
};
use tokio_util::sync::CancellationToken;

use crate::hub::{Command, Out};

/// Frames that may wait for a session to read; one that falls further behind is cut off.
const QUEUE: usize = 1024;
/// The largest frame taken in, in bytes.
const MAX_FRAME: usize = 2_097_152;
/// How long a WebSocket handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Between two signs of life asked of the client.
const PING: Duration = Duration::from_secs(30);

/// Serves one connection until it ends, the hub cuts it off, or the server stops.
pub async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    id: u64,
    hub: mpsc::Sender<Command>,
    shutdown: CancellationToken,
) {
    let mut config = WebSocketConfig::default();
    config.read_buffer_size = 8 * 1024;
    config.max_frame_size = Some(MAX_FRAME);
    config.max_message_size = Some(MAX_FRAME);
    let shake = tokio::time::timeout(HANDSHAKE, accept_async_with_config(stream, Some(config)));
    let Ok(Ok(mut socket)) = shake.await else {
        tracing::debug!(id, "no WebSocket handshake");
        return;
    };
    let (queue, mut waiting) = mpsc::channel::<Out>(QUEUE);
    if hub.send(Command::Open { id, queue }).await.is_err() {
        return;
    }
    let mut alive = tokio::time::interval(PING);
    let mut answered = true;
    loop {
        tokio::select! {
            () = shutdown.cancelled() => {
                close(&mut socket, 1001, "server is stopping").await;
                break;
            }
            _ = alive.tick() => {
                if !std::mem::replace(&mut answered, false) || socket.send(Message::Ping(Vec::new().into())).await.is_err() {
                    break;
                }
            }
            out = waiting.recv() => match out {
                Some(Out::Text(text)) => {
                    if socket.feed(Message::text(text.as_ref())).await.is_err() {
                        break;
                    }
                    // Whatever waits goes out in one write.
                    if waiting.is_empty() && socket.flush().await.is_err() {
                        break;
                    }
                }
                Some(Out::Close(code, reason)) => {
                    close(&mut socket, code, reason).await;
                    break;
                }
                None => {
                    close(&mut socket, 4008, "slow consumer").await;
                    break;
                }
            },
            frame = socket.next() => match frame {
                Some(Ok(Message::Text(text))) => {
                    if hub.send(Command::Frame { id, text: Arc::from(text.as_str()) }).await.is_err() {
                        break;
                    }
                }
                Some(Ok(Message::Binary(bytes))) => {
                    let text = Arc::from(String::from_utf8_lossy(&bytes).as_ref());
                    if hub.send(Command::Frame { id, text }).await.is_err() {
                        break;
                    }
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                Some(Ok(_)) => answered = true,
            },
        }
    }
    if hub.send(Command::Gone { id }).await.is_err() {
        tracing::debug!(id, "the hub is gone already");
    }
}

async fn close<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut tokio_tungstenite::WebSocketStream<S>,
    code: u16,
    reason: &'static str,
) {
    let frame = CloseFrame {
        code: code.into(),
        reason: reason.into(),
    };
    let polite = tokio::time::timeout(Duration::from_secs(1), socket.close(Some(frame)));
    if !matches!(polite.await, Ok(Ok(()))) {
        tracing::debug!(code, "closed without the client's answer");
    }
}
