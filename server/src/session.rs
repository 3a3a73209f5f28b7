//! One WebSocket: frames in to the hub, frames out from its queue.
//!
//! Reading never waits for writing, so that a client which writes before it reads can't be in a deadlock
//! with the server. Every write and the farewell have a deadline: a client that stops reading is dropped.

mod farewell;
mod gate;
mod signs;
mod tap;
mod writer;

use std::{pin::pin, sync::Arc};

use futures::StreamExt;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::tcp::OwnedWriteHalf,
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
    gate::Gate,
    signs::Signs,
    tap::Tap,
    writer::{Then, Writer},
};
use crate::{
    inbox::{Command, From, HubGone, Inbox},
    limits::Limits,
    outbox::{Cut, Queue, outbox},
    shared::{HandshakePermit, Shared},
};

/// What is read from a client at a time, in bytes; a larger frame takes more while it is read.
const READ: usize = 1024;

/// A WebSocket that the hub knows of.
pub struct Session<R, W> {
    id: u64,
    socket: WebSocketStream<Tap<R>>,
    writer: Writer<W>,
    queue: Queue,
    cut: Cut,
    shared: Arc<Shared>,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Session<R, W> {
    /// Shakes hands, and tells the hub; none when that fails.
    ///
    /// With `socket`, the hub's frames go straight to that, past the writer.
    pub async fn begin(
        (reader, writer): (R, W),
        socket: Option<Arc<OwnedWriteHalf>>,
        id: u64,
        from: From,
        permit: HandshakePermit,
        shared: Arc<Shared>,
    ) -> Option<Self> {
        let limits = shared.limits;
        let mut config = WebSocketConfig::default();
        config.read_buffer_size = READ;
        config.max_frame_size = Some(limits.frame_bytes);
        config.max_message_size = Some(limits.frame_bytes);
        let (outbox, queue, cut) = outbox(limits.queue_bytes, socket);
        let stream = Tap {
            half: reader,
            replies: queue.replies(),
        };
        let shake = timeout(
            limits.handshake,
            accept_hdr_async_with_config(stream, protocol, Some(config)),
        );
        let Some(Ok(Ok(socket))) = shared.shutdown.run_until_cancelled(shake).await else {
            tracing::debug!(id, "no WebSocket handshake");
            return None;
        };
        drop(permit);
        let open = Command::Open { id, outbox, from };
        shared.inbox.send(open).await.ok()?;
        Some(Self {
            id,
            socket,
            writer: Writer::new(writer),
            queue,
            cut,
            shared,
        })
    }

    /// Serves the connection until it ends, the hub cuts it off, or the server stops.
    pub async fn run(self) {
        let Self {
            id,
            mut socket,
            mut writer,
            mut queue,
            mut cut,
            shared,
        } = self;
        let (hub, limits) = (&shared.inbox, &shared.limits);
        let signs = Signs::default();
        let stopping = async {
            // What waits goes out before, if the client takes it.
            shared.shutdown.cancelled().await;
            tokio::time::sleep(limits.flush).await;
        };
        let others = async {
            tokio::select! {
                biased;
                () = stopping => End::Close(1001, "server is stopping"),
                end = asked(&mut cut) => end,
                end = write(&mut writer, &mut queue, id, hub, &signs, limits) => end,
            }
        };
        let end = {
            let others = pin!(others);
            tokio::select! {
                biased;
                end = Gate::new(others) => end,
                end = read(&mut socket, id, hub, &signs) => end,
            }
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
        let polite = Box::pin(farewell(end, socket, writer, queue));
        if timeout(limits.close, polite).await.is_err() {
            tracing::debug!(id, ?end, "dropped without the client's answer");
        }
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
        // Forgotten by the hub: its last frames are in the queue.
        Err(_) => std::future::pending().await,
    }
}

/// The hub has ended: its last words are in the queue, and the writer says them.
async fn ended() -> End {
    std::future::pending().await
}

/// Carries frames to the hub until the connection ends.
async fn read<R: AsyncRead + Unpin>(
    socket: &mut WebSocketStream<Tap<R>>,
    id: u64,
    hub: &Inbox,
    signs: &Signs,
) -> End {
    while let Some(frame) = socket.next().await {
        signs.received();
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
async fn write<W: AsyncWrite + Unpin>(
    writer: &mut Writer<W>,
    queue: &mut Queue,
    id: u64,
    hub: &Inbox,
    signs: &Signs,
    limits: &Limits,
) -> End {
    let mut alive = tokio::time::interval(limits.ping);
    let mut taken = vec![];
    loop {
        let there = tokio::select! {
            biased;
            there = queue.take(&mut taken) => there,
            _ = alive.tick() => {
                if !signs.ask() {
                    if let Err(HubGone) = hub.send(Command::Silent { id }).await {
                        tracing::debug!(id, "the hub has ended: nobody notes the silence");
                    }
                    return End::Drop;
                }
                queue.ping();
                continue;
            }
        };
        if !there {
            return End::Close(1001, "server is stopping");
        }
        let (then, probe) = writer.load(&mut taken);
        if probe {
            signs.probe();
        }
        match timeout(limits.write, writer.flush()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return End::Drop,
            Err(_) => return End::Close(4008, "slow consumer"),
        }
        for next in then {
            match next {
                Then::Close(code, reason) => return End::Close(code, reason),
                Then::More => {
                    if let Err(HubGone) = hub.send(Command::More { id }).await {
                        tracing::debug!(id, "the hub has ended: no more history comes");
                    }
                }
            }
        }
    }
}
