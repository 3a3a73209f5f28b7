//! One WebSocket: frames in to the hub, frames out from its queue.
//!
//! Reading never waits for writing, so that a client which writes before it reads can't be in a deadlock
//! with the server. Every write and the farewell have a deadline: a client that stops reading is dropped.

mod farewell;
mod signs;

use futures::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async_with_config,
    tungstenite::{
        self, Message, Utf8Bytes,
        handshake::server::{ErrorResponse, Request, Response},
        protocol::WebSocketConfig,
    },
};

use self::{
    farewell::{End, TOO_LARGE, farewell},
    signs::Signs,
};
use crate::{
    connection::Shared,
    inbox::{Command, From, HubGone, Inbox},
    limits::Limits,
    outbox::{Cut, Out, Queue, outbox},
};

type Sink<S> = SplitSink<WebSocketStream<S>, Message>;
type Source<S> = SplitStream<WebSocketStream<S>>;

/// Serves one connection until it ends, the hub cuts it off, or the server stops.
pub async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    id: u64,
    from: From,
    shared: Shared,
) {
    let Shared {
        inbox: hub,
        limits,
        shutdown,
        ..
    } = shared;
    let mut config = WebSocketConfig::default();
    config.read_buffer_size = 8 * 1024;
    config.max_frame_size = Some(limits.frame_bytes);
    config.max_message_size = Some(limits.frame_bytes);
    let shake = timeout(
        limits.handshake,
        accept_hdr_async_with_config(stream, protocol, Some(config)),
    );
    let Some(Ok(Ok(socket))) = shutdown.run_until_cancelled(shake).await else {
        tracing::debug!(id, "no WebSocket handshake");
        return;
    };
    let (mut sink, mut source) = socket.split();
    let (outbox, queue, mut cut) = outbox(limits.queue_bytes);
    if hub.send(Command::Open { id, outbox, from }).await.is_err() {
        return;
    }
    let signs = Signs::default();
    let carry = async {
        tokio::select! {
            end = read(&mut source, id, &hub, &signs) => end,
            end = write(&mut sink, queue, id, &hub, &signs, &limits) => end,
        }
    };
    let stopping = async {
        // What waits goes out before, if the client takes it.
        shutdown.cancelled().await;
        tokio::time::sleep(limits.flush).await;
    };
    let end = tokio::select! {
        biased;
        () = stopping => End::Close(1001, "server is stopping"),
        end = asked(&mut cut) => end,
        end = carry => end,
    };
    // The hub cuts off and forgets at once: the writer may see the end of its queue before the cut is seen.
    let end = match (end, cut.try_recv()) {
        (End::Close(..), Ok((code, reason))) => End::Close(code, reason),
        (end, _) => end,
    };
    // The hub first: whoever comes back with this identity must not wait for our farewell.
    if hub.send(Command::Gone { id }).await.is_err() {
        tracing::debug!(id, "the hub is gone already");
    }
    let polite = timeout(limits.close, farewell(end, sink, source));
    if polite.await.is_err() {
        tracing::debug!(id, ?end, "dropped without the client's answer");
    }
}

/// The first sub-protocol that the client offers is taken.
#[expect(
    clippy::result_large_err,
    reason = "the WebSocket library gives the shape"
)]
fn protocol(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    const NAME: &str = "sec-websocket-protocol";
    let offered = request
        .headers()
        .get(NAME)
        .and_then(|value| value.to_str().ok());
    let first = offered.and_then(|offered| offered.split(',').next());
    if let Some(first) = first.and_then(|first| first.trim().parse().ok()) {
        response.headers_mut().insert(NAME, first);
    }
    Ok(response)
}

/// What the hub asks for, past everything that waits.
async fn asked(cut: &mut Cut) -> End {
    match cut.await {
        Ok((code, reason)) => End::Close(code, reason),
        // Forgotten by the hub: its last words are in the queue.
        Err(_) => std::future::pending().await,
    }
}

/// The hub has ended: its last words are in the queue, and the writer says them.
async fn ended() -> End {
    std::future::pending().await
}

/// Carries frames to the hub until the connection ends.
async fn read<S: AsyncRead + AsyncWrite + Unpin>(
    source: &mut Source<S>,
    id: u64,
    hub: &Inbox,
    signs: &Signs,
) -> End {
    while let Some(frame) = source.next().await {
        signs.heard();
        let text = match frame {
            Ok(Message::Text(text)) => text,
            Ok(Message::Binary(bytes)) => {
                Utf8Bytes::from(String::from_utf8_lossy(&bytes).into_owned())
            }
            Ok(Message::Close(_)) => return End::Answer,
            Ok(Message::Pong(_)) if signs.answered() => {
                if let Err(HubGone) = hub.send(Command::Alive { id }).await {
                    return ended().await;
                }
                continue;
            }
            Ok(_) => continue,
            Err(tungstenite::Error::Capacity(error)) => {
                tracing::debug!(id, %error, "a frame is too large");
                return End::Close(TOO_LARGE, "Max payload size exceeded");
            }
            Err(error) => {
                tracing::debug!(id, %error, "the connection broke");
                return End::Answer;
            }
        };
        if let Err(HubGone) = hub.frame(id, text).await {
            return ended().await;
        }
    }
    End::Answer
}

/// Carries frames from the queue, and asks for signs of life, until there is nothing more to say.
async fn write<S: AsyncRead + AsyncWrite + Unpin>(
    sink: &mut Sink<S>,
    mut queue: Queue,
    id: u64,
    hub: &Inbox,
    signs: &Signs,
    limits: &Limits,
) -> End {
    let mut alive = tokio::time::interval(limits.ping);
    loop {
        let written = tokio::select! {
            _ = alive.tick() => {
                if !signs.ask() {
                    return End::Drop;
                }
                timeout(limits.write, sink.send(Message::Ping(Vec::new().into()))).await
            }
            out = queue.next() => match out {
                // Whatever waits goes out in one write.
                Some(Out::Text(text) | Out::Replay(text)) if queue.is_empty() => {
                    timeout(limits.write, sink.send(Message::Text(text))).await
                }
                Some(Out::Text(text) | Out::Replay(text)) => {
                    timeout(limits.write, sink.feed(Message::Text(text))).await
                }
                Some(Out::More) => {
                    let written = timeout(limits.write, sink.flush()).await;
                    if let Err(HubGone) = hub.send(Command::More { id }).await {
                        tracing::debug!(id, "the hub has ended: no more history comes");
                    }
                    written
                }
                Some(Out::Probe) => {
                    signs.probe();
                    timeout(limits.write, sink.send(Message::Ping(Vec::new().into()))).await
                }
                Some(Out::Close(code, reason)) => return End::Close(code, reason),
                None => return End::Close(1001, "server is stopping"),
            },
        };
        match written {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return End::Drop,
            Err(_) => return End::Close(4008, "slow consumer"),
        }
    }
}
