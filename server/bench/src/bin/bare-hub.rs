//! The reference: a hub that does nothing but hand each text frame to everybody on the same path.
//!
//! No identities, no storage, no bounds, and nothing is encoded anew: what a WebSocket server costs at the
//! least when it is written in the ordinary good way. It listens where its argument says, and says where that is in
//! its first line, as the chat server does.

use std::{cell::RefCell, collections::HashMap, io::Write, rc::Rc};

use futures::{SinkExt, StreamExt};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc::{self, UnboundedSender},
};
use tokio_tungstenite::{
    accept_hdr_async_with_config,
    tungstenite::{
        Message,
        handshake::server::{Request, Response},
        protocol::WebSocketConfig,
    },
};

/// Everybody on one path.
type Channel = Rc<RefCell<HashMap<u64, UnboundedSender<Message>>>>;
/// All paths.
type Channels = Rc<RefCell<HashMap<String, Channel>>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1);
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:0")).await?;
    let mut out = std::io::stdout();
    writeln!(out, "listening on ws://{}", listener.local_addr()?)?;
    out.flush()?;
    let channels = Channels::default();
    tokio::task::LocalSet::new()
        .run_until(async {
            for id in 0.. {
                let (stream, _) = listener.accept().await?;
                let channels = channels.clone();
                // Whoever breaks its connection has left; nobody else is concerned.
                tokio::task::spawn_local(async move { serve(stream, id, channels).await.ok() });
            }
            Ok(())
        })
        .await
}

async fn serve(
    stream: TcpStream,
    id: u64,
    channels: Channels,
) -> Result<(), tokio_tungstenite::tungstenite::Error> {
    stream.set_nodelay(true)?;
    let mut path = String::new();
    #[expect(
        clippy::result_large_err,
        reason = "the library's signature of a handshake callback"
    )]
    let note = |request: &Request, response: Response| {
        path = request.uri().path().to_owned();
        Ok(response)
    };
    let mut config = WebSocketConfig::default();
    config.read_buffer_size = 8 * 1024;
    let socket = accept_hdr_async_with_config(stream, note, Some(config)).await?;
    let channel = channels.borrow_mut().entry(path).or_default().clone();
    let (mut sink, mut source) = socket.split();
    let (sender, mut queue) = mpsc::unbounded_channel();
    channel.borrow_mut().insert(id, sender);
    let write = async {
        while let Some(message) = queue.recv().await {
            sink.feed(message).await?;
            if queue.is_empty() {
                sink.flush().await?;
            }
        }
        Ok(())
    };
    let read = async {
        while let Some(message) = source.next().await {
            let message = message?;
            if message.is_text() {
                for member in channel.borrow().values() {
                    // One that is just leaving takes nothing more.
                    member.send(message.clone()).ok();
                }
            }
        }
        Ok(())
    };
    let ended = tokio::select! {
        ended = write => ended,
        ended = read => ended,
    };
    channel.borrow_mut().remove(&id);
    ended
}
