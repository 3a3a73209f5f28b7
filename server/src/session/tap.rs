//! The stream that the WebSocket layer sees: it reads from the connection, and what it writes goes into the
//! session's queue, between the hub's frames.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::outbox::Replies;

/// A reading half, and where answers go.
pub struct Tap<R> {
    pub half: R,
    pub replies: Replies,
}

impl<R: AsyncRead + Unpin> AsyncRead for Tap<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.half).poll_read(context, buffer)
    }
}

/// All of what is written at a time is taken, so that frames stay whole.
impl<R: Unpin> AsyncWrite for Tap<R> {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        frames: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(match self.replies.put(frames) {
            Ok(()) => Ok(frames.len()),
            // Who asks for so much and reads nothing is not waited for.
            Err(_) => Err(io::ErrorKind::BrokenPipe.into()),
        })
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
