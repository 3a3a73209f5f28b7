//! From a TCP connection to a session, or to an answer over HTTP.

mod again;
mod half;

use std::{net::IpAddr, sync::Arc};

use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, tcp::OwnedWriteHalf},
    time::timeout,
};

use self::{again::Again, half::Half};
use crate::{
    http,
    inbox::From,
    session::Session,
    shared::{HandshakePermit, Shared},
};

/// What the system may keep of what was sent to a client, in bytes: who does not read is found out before the
/// system has taken megabytes for it.
const SENDING: usize = 256 * 1024;
/// What is kept of what a client says it is.
const USER_AGENT: usize = 200;

/// Serves a connection until its end.
pub async fn serve(
    stream: TcpStream,
    peer: IpAddr,
    id: u64,
    permit: HandshakePermit,
    shared: Arc<Shared>,
) {
    let bounded = SockRef::from(&stream).set_send_buffer_size(SENDING);
    if let Err(error) = bounded.and_then(|()| stream.set_nodelay(true)) {
        tracing::debug!(id, %error, "a connection stays as the system made it");
    }
    let Some(tls) = &shared.tls else {
        let (reader, writer) = stream.into_split();
        let writer = Arc::new(writer);
        let halves = (reader, Half(writer.clone()));
        return talk(halves, Some(writer), peer, id, permit, shared).await;
    };
    // What is needed for a while only has memory of its own, here and below: most connections are idle.
    let shake = Box::pin(timeout(
        shared.limits.handshake,
        tls.acceptor().accept(stream),
    ));
    match shared.shutdown.run_until_cancelled(shake).await {
        Some(Ok(Ok(stream))) => {
            talk(tokio::io::split(stream), None, peer, id, permit, shared).await;
        }
        _ => tracing::debug!(id, "no TLS handshake"),
    }
}

/// WebSocket for those who ask for it, HTTP for others.
pub async fn talk<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
    halves: (R, W),
    socket: Option<Arc<OwnedWriteHalf>>,
    peer: IpAddr,
    id: u64,
    permit: HandshakePermit,
    shared: Arc<Shared>,
) {
    let begun = Box::pin(begin(halves, socket, peer, id, permit, shared)).await;
    if let Some(session) = begun {
        session.run().await;
    }
}

/// The first request: a session begins, or it is answered over HTTP and that is all.
async fn begin<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
    (mut reader, writer): (R, W),
    socket: Option<Arc<OwnedWriteHalf>>,
    peer: IpAddr,
    id: u64,
    permit: HandshakePermit,
    shared: Arc<Shared>,
) -> Option<Session<Again<R>, W>> {
    let limits = shared.limits;
    let receive = timeout(limits.handshake, http::receive(&mut reader));
    let (bytes, head) = match shared.shutdown.run_until_cancelled(receive).await {
        Some(Ok(Ok(received))) => received,
        _ => {
            tracing::debug!(id, "no request");
            return None;
        }
    };
    if let Some(head) = head.as_ref().filter(|head| head.upgrades()) {
        let user_agent = head.header("user-agent").unwrap_or_default();
        let from = From {
            address: head.address(peer, &shared.trusted),
            user_agent: user_agent.chars().take(USER_AGENT).collect(),
        };
        // The handshake reads the request once more.
        let reader = Again {
            read: bytes.into(),
            rest: reader,
        };
        return Session::begin((reader, writer), socket, id, from, permit, shared).await;
    }
    let head = head.map(|head| {
        let from = head.address(peer, &shared.trusted);
        (head, from)
    });
    let answer = timeout(limits.write, http::answer(writer, head, &shared.inbox));
    let answered = shared.shutdown.run_until_cancelled(answer).await;
    if let Some(Ok(Err(error))) = answered {
        tracing::debug!(id, %error, "an HTTP request was not answered");
    }
    None
}
