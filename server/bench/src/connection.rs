//! One WebSocket of the generator: cheap enough that a thousand of them fit on one core.
//!
//! All share one buffer to read into; a connection keeps only the beginning of a frame whose rest is still to
//! come.

use std::{
    cell::RefCell,
    future::poll_fn,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use anyhow::bail;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

use crate::frame::{self, Frame, Scan};

/// How much is read at once.
const READ: usize = 64 * 1024;

/// What a connection runs over.
pub trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

/// The buffer that all connections of a thread read into.
#[derive(Clone)]
pub struct Scratch(Rc<RefCell<Vec<u8>>>);

impl Default for Scratch {
    fn default() -> Self {
        Self(Rc::new(RefCell::new(vec![0; READ])))
    }
}

/// What is still to be written.
#[derive(Default)]
pub struct Outgoing(Vec<u8>);

impl Outgoing {
    /// Adds a text frame.
    pub fn say(&mut self, text: &[u8]) {
        frame::push(&mut self.0, frame::TEXT, text);
    }
}

/// A WebSocket.
pub struct Connection {
    stream: Box<dyn Stream>,
    scratch: Scratch,
    /// The beginning of a frame.
    rest: Vec<u8>,
    /// What is still to be written.
    pub out: Outgoing,
    /// Whether the stream, which may be TLS, holds something back until it is flushed.
    held: bool,
}

impl Connection {
    /// Asks for WebSocket on a path.
    pub async fn upgrade(
        mut stream: Box<dyn Stream>,
        path: &str,
        scratch: Scratch,
    ) -> anyhow::Result<Self> {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        stream.flush().await?;
        let mut head = Vec::with_capacity(256);
        let end = loop {
            if stream.read_buf(&mut head).await? == 0 {
                bail!("the server closed the connection instead of answering");
            }
            if let Some(end) = head.windows(4).position(|w| w == b"\r\n\r\n") {
                break end + 4;
            }
        };
        if !head.starts_with(b"HTTP/1.1 101 ") {
            bail!("no WebSocket: {}", String::from_utf8_lossy(&head[..end]));
        }
        Ok(Self {
            stream,
            scratch,
            rest: head.split_off(end),
            out: Outgoing::default(),
            held: false,
        })
    }

    /// Writes what is to be written, as far as it goes.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut written = 0;
        let done = loop {
            let Some(rest) = self.out.0.get(written..).filter(|rest| !rest.is_empty()) else {
                break Poll::Ready(Ok(()));
            };
            match Pin::new(&mut *self.stream).poll_write(cx, rest) {
                Poll::Ready(Ok(0)) => break Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(count)) => written += count,
                Poll::Ready(Err(error)) => break Poll::Ready(Err(error)),
                Poll::Pending => break Poll::Pending,
            }
        };
        self.out.0.drain(..written);
        self.held |= written > 0;
        ready!(done)?;
        if self.held {
            ready!(Pin::new(&mut *self.stream).poll_flush(cx))?;
            self.held = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Reads once and shows every whole text frame; pings are answered. A close is an error.
    pub fn poll_frames(
        &mut self,
        cx: &mut Context<'_>,
        mut show: impl FnMut(&[u8], &mut Outgoing),
    ) -> Poll<io::Result<()>> {
        let mut scratch = self.scratch.0.borrow_mut();
        let kept = self.rest.len();
        let mut filled = if kept > 0 && matches!(frame::scan(&self.rest), Scan::Frame(..)) {
            // The handshake read more than its own.
            0
        } else {
            if kept + READ / 2 > scratch.len() {
                scratch.resize(kept + READ, 0);
            }
            let mut buffer = ReadBuf::new(&mut scratch[kept..]);
            ready!(Pin::new(&mut *self.stream).poll_read(cx, &mut buffer))?;
            match buffer.filled().len() {
                0 => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                filled => filled,
            }
        };
        scratch[..kept].copy_from_slice(&self.rest);
        filled += kept;
        let mut at = 0;
        loop {
            match frame::scan(&scratch[at..filled]) {
                Scan::Frame(Frame { opcode, payload }, taken) => {
                    match opcode {
                        frame::TEXT => show(payload, &mut self.out),
                        frame::PING => frame::push(&mut self.out.0, frame::PONG, payload),
                        frame::CLOSE => return Poll::Ready(Err(closed(payload))),
                        _ => {}
                    }
                    at += taken;
                }
                Scan::Partial(_) => break,
                Scan::Nonsense => {
                    let error = "the server sends frames that are none";
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, error)));
                }
            }
        }
        self.rest.clear();
        self.rest.extend_from_slice(&scratch[at..filled]);
        Poll::Ready(Ok(()))
    }

    /// Says what is to be said and reads on until this has found what it wants.
    pub async fn until<T>(
        &mut self,
        mut find: impl FnMut(&[u8]) -> Option<T>,
    ) -> anyhow::Result<T> {
        let mut found = None;
        poll_fn(|cx| {
            loop {
                if let Poll::Ready(Err(error)) = self.poll_flush(cx) {
                    return Poll::Ready(Err(error));
                }
                if found.is_some() {
                    return Poll::Ready(Ok(()));
                }
                let show = |frame: &[u8], _: &mut Outgoing| {
                    if found.is_none() {
                        found = find(frame);
                    }
                };
                ready!(self.poll_frames(cx, show))?;
            }
        })
        .await?;
        found.ok_or_else(|| anyhow::anyhow!("nothing was found"))
    }
}

fn closed(payload: &[u8]) -> io::Error {
    let (code, reason) = payload.split_at(payload.len().min(2));
    let code = code.iter().fold(0_u16, |n, &b| n << 8 | u16::from(b));
    let reason = String::from_utf8_lossy(reason);
    io::Error::other(format!("the server closed with {code} {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a server sends, cut wherever the test wants it.
    async fn heard(pieces: &[&[u8]]) -> (Vec<String>, Connection) {
        let (ours, mut theirs) = tokio::io::duplex(1 << 20);
        theirs
            .write_all(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
            .await
            .unwrap();
        let scratch = Scratch::default();
        let mut connection = Connection::upgrade(Box::new(ours), "/", scratch)
            .await
            .unwrap();
        let mut all = vec![];
        for piece in pieces {
            theirs.write_all(piece).await.unwrap();
            let mut show = |frame: &[u8], _: &mut Outgoing| {
                all.push(String::from_utf8_lossy(frame).into_owned());
            };
            poll_fn(|cx| connection.poll_frames(cx, &mut show))
                .await
                .unwrap();
        }
        (all, connection)
    }

    #[tokio::test]
    async fn frames_arrive_whole_however_they_are_cut() {
        let bytes = b"\x81\x03one\x89\x00\x81\x7e\x00\x83".to_vec();
        let bytes = [bytes, vec![b'x'; 0x83], b"\x81\x03end".to_vec()].concat();
        for cut in 1..bytes.len() - 1 {
            let (all, connection) = heard(&[&bytes[..cut], &bytes[cut..]]).await;
            assert_eq!(all, ["one", &*"x".repeat(0x83), "end"], "cut at {cut}");
            // The ping was answered.
            assert_eq!(connection.out.0, [0x8a, 0x80, 0, 0, 0, 0]);
        }
    }

    /// Takes everything at once and keeps it until it is flushed, for which it wants to be asked twice: as TLS
    /// does when the socket is not ready.
    #[derive(Default)]
    struct Reluctant {
        kept: Vec<u8>,
        asked: bool,
        out: Rc<RefCell<Vec<u8>>>,
    }

    impl AsyncRead for Reluctant {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Reluctant {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.kept.extend(bytes);
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            if !std::mem::replace(&mut self.asked, true) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let kept = std::mem::take(&mut self.kept);
            self.out.borrow_mut().extend(kept);
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn what_the_stream_holds_back_is_not_forgotten() {
        let stream = Reluctant::default();
        let out = stream.out.clone();
        let mut connection = Connection {
            stream: Box::new(stream),
            scratch: Scratch::default(),
            rest: vec![],
            out: Outgoing::default(),
            held: false,
        };
        connection.out.say(b"hello");
        poll_fn(|cx| connection.poll_flush(cx)).await.unwrap();
        assert!(out.borrow().ends_with(b"hello"));
    }
}
