//! The sockets of a server of the public kind.

use std::{
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use futures::{SinkExt, StreamExt};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_tungstenite::{
    accept_async,
    tungstenite::{Message, protocol::CloseFrame},
};

use crate::{
    DEADLINE,
    state::{Channel, Out, State},
};

/// A server; gone with its test.
pub struct Server {
    pub url: String,
    state: Arc<Mutex<State>>,
}

impl Server {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        let mut state = State::default();
        (state.clock, state.kept) = (1_700_000_000_000, 200);
        for name in ["#general", "#help"] {
            state.channels.insert(name.into(), Channel::default());
        }
        let state = Arc::new(Mutex::new(state));
        let shared = state.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, shared.clone()));
            }
        });
        Self { url, state }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Waits until somebody has come in.
    pub async fn somebody(&self) {
        let latest = Instant::now() + DEADLINE;
        while !self.state().anybody() {
            assert!(Instant::now() < latest, "nobody came");
            tokio::task::yield_now().await;
        }
    }
}

async fn serve(stream: TcpStream, state: Arc<Mutex<State>>) {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    let Ok(mut socket) = accept_async(stream).await else {
        return;
    };
    let (out, mut waiting) = mpsc::unbounded_channel();
    state.lock().unwrap().enter(id, out);
    loop {
        tokio::select! {
            out = waiting.recv() => match out {
                Some(Out::Frame(frame)) => {
                    if socket.send(Message::text(frame.to_string())).await.is_err() {
                        break;
                    }
                }
                Some(Out::Close(code, reason)) => {
                    let close = CloseFrame { code: code.into(), reason: reason.into() };
                    drop(socket.close(Some(close)).await);
                    break;
                }
                Some(Out::Cut) | None => break,
            },
            came = socket.next() => match came {
                Some(Ok(Message::Text(text))) => {
                    let frame = serde_json::from_str(&text).unwrap();
                    state.lock().unwrap().hear(id, &frame);
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                Some(Ok(_)) => {}
            },
        }
    }
    state.lock().unwrap().depart(id);
}
