//! The writing half of a connection: batches of frames that are encoded already.

use std::io;

use bytes::Bytes;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use crate::{outbox::OutboundFrame, wire::PING};

/// What follows once a batch is with the operating system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// The hub sends more history.
    More,
    /// The connection is closed with this code and reason.
    Close(u16, &'static str),
}

/// Writes batches; what was begun is never lost, also when the writing is given up and taken up again.
pub struct Writer<W> {
    half: W,
    batch: Bytes,
}

impl<W: AsyncWrite + Unpin> Writer<W> {
    pub fn new(half: W) -> Self {
        Self {
            half,
            batch: Bytes::new(),
        }
    }

    /// Makes a batch of what was taken from the queue; the one before must be written. Gives what follows, and
    /// whether the client is asked for a sign of life that the hub wants.
    pub fn load(&mut self, taken: &mut Vec<OutboundFrame>) -> (Vec<Then>, bool) {
        let (mut then, mut probe) = (vec![], false);
        // One frame needs no copy.
        if let [only] = &taken[..]
            && let Some(bytes) = only.bytes()
        {
            self.batch = bytes.clone();
            taken.clear();
            return (then, probe);
        }
        let size = taken.iter().map(OutboundFrame::size).sum();
        let mut batch = Vec::with_capacity(size);
        for out in taken.drain(..) {
            match out {
                OutboundFrame::Text(frame) => batch.extend_from_slice(frame.bytes()),
                OutboundFrame::Replay(bytes) | OutboundFrame::Raw(bytes) => {
                    batch.extend_from_slice(&bytes)
                }
                OutboundFrame::Probe => {
                    probe = true;
                    batch.extend_from_slice(PING);
                }
                OutboundFrame::More => then.push(Then::More),
                OutboundFrame::Close(code, reason) => then.push(Then::Close(code, reason)),
            }
        }
        self.batch = batch.into();
        (then, probe)
    }

    /// Writes what is left of the batch. Cancel-safe.
    pub async fn flush(&mut self) -> io::Result<()> {
        while !self.batch.is_empty() {
            if self.half.write_buf(&mut self.batch).await? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        self.half.flush().await
    }

    /// Tells the client that nothing more comes.
    pub async fn shutdown(&mut self) -> io::Result<()> {
        self.half.shutdown().await
    }
}
