//! Connections: TLS, HTTP/1.1 and HTTP/2, and their end.

use std::time::Duration;

use axum::Router;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{
        conn::auto,
        graceful::{GracefulShutdown, Watcher},
    },
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// A client that doesn't finish its handshake in that time is let go.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long a request's head may take, idle connections included.
const HEADERS: Duration = Duration::from_secs(300);

/// How often an HTTP/2 client is asked whether it is still there.
const PING: Duration = Duration::from_secs(30);

/// How long answers under way may take after the shutdown began.
const DRAIN: Duration = Duration::from_secs(5);

/// Connections at once; more wait in the listener's queue.
const CONNECTIONS: usize = 1024;

/// Serves until the shutdown, then lets answers under way finish.
pub async fn run(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    router: Router,
    shutdown: CancellationToken,
) {
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < CONNECTIONS => match accepted {
                Ok((stream, peer)) => {
                    tracing::trace!(%peer, "connected");
                    let (acceptor, router) = (acceptor.clone(), router.clone());
                    connections.spawn(connection(stream, acceptor, router, graceful.watcher()));
                }
                Err(error) => {
                    // Out of descriptors: wait for some to come back.
                    tracing::warn!(%error, "accepting a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            Some(_) = connections.join_next() => {}
            () = shutdown.cancelled() => break,
        }
    }
    drop(listener);
    if timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("connections were cut at shutdown");
    }
    connections.shutdown().await;
}

/// One connection, from the handshake to its end. Its failures concern the client alone.
async fn connection(stream: TcpStream, acceptor: TlsAcceptor, router: Router, watcher: Watcher) {
    // Watch events are small and must not wait for more.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "setting TCP_NODELAY");
    }
    let stream = match timeout(HANDSHAKE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            tracing::debug!(%error, "tls handshake");
            return;
        }
        Err(_) => return,
    };
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING);
    let service = TowerToHyperService::new(router);
    let served = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(served.into_owned()).await {
        tracing::debug!(error, "connection");
    }
}
