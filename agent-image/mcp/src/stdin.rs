//! Standard input that says when it ends.
//!
//! When Claude Code is gone, nobody reads what a tool returns any more: a listen that waits must then end
//! without handing anything over, also before the MCP library has noticed.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, ReadBuf, Stdin};
use tokio_util::sync::CancellationToken;

/// Standard input; cancels the token at its end.
pub struct WatchedStdin {
    inner: Stdin,
    gone: CancellationToken,
}

impl WatchedStdin {
    /// Over this process's input.
    pub fn new(gone: CancellationToken) -> Self {
        Self {
            inner: tokio::io::stdin(),
            gone,
        }
    }
}

impl AsyncRead for WatchedStdin {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buf);
        let ended = match &polled {
            Poll::Ready(Ok(())) => buf.filled().len() == before && buf.remaining() > 0,
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        };
        if ended {
            self.gone.cancel();
        }
        polled
    }
}
