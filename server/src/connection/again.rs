//! A stream of which something was read already: that is read once more, before what follows.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, ReadBuf};

/// What was read, which takes no memory any more once it was read again, and the stream.
pub struct Again<R> {
    pub read: Bytes,
    pub rest: R,
}

impl<R: AsyncRead + Unpin> AsyncRead for Again<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read.is_empty() {
            return Pin::new(&mut self.rest).poll_read(context, buffer);
        }
        let count = buffer.remaining().min(self.read.len());
        buffer.put_slice(&self.read[..count]);
        self.read.advance(count);
        if self.read.is_empty() {
            self.read = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn nothing_is_lost_between_the_two() {
        let mut again = Again {
            read: Bytes::from_static(b"abcde"),
            rest: &b"fgh"[..],
        };
        let mut two = [0; 2];
        again.read_exact(&mut two).await.unwrap();
        let mut rest = vec![];
        again.read_to_end(&mut rest).await.unwrap();
        assert_eq!((&two, &*rest), (b"ab", &b"cdefgh"[..]));
    }
}
