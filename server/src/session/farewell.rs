//! The end of a connection: the close frame gets out, or the socket is dropped.

use futures::StreamExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio_tungstenite::{WebSocketStream, tungstenite::protocol::CloseFrame};

use super::{tap::Tap, writer::Writer};
use crate::outbox::Queue;

/// The code for a frame that is too large.
pub const TOO_LARGE: u16 = 1009;

/// How a connection ends.
#[derive(Clone, Copy, Debug)]
pub enum End {
    /// We close it, with this code and reason.
    Close(u16, &'static str),
    /// The client closed it, or broke it.
    Answer,
    /// It is dead.
    Drop,
}

/// Says goodbye; the caller sets the deadline.
pub async fn farewell<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
    end: End,
    mut socket: WebSocketStream<Tap<R>>,
    mut writer: Writer<W>,
    mut queue: Queue,
) {
    // What was begun is finished; what waits is not sent.
    if let End::Drop = end {
        return;
    }
    if writer.flush().await.is_err() {
        return;
    }
    queue.clear();
    // An answer to a client's close is with the WebSocket layer already.
    let frame = match end {
        End::Close(code, reason) => Some(CloseFrame {
            code: code.into(),
            reason: reason.into(),
        }),
        End::Answer | End::Drop => None,
    };
    if socket.close(frame).await.is_err() {
        tracing::trace!("the client has closed already");
    }
    let mut taken = vec![];
    if queue.take(&mut taken).await {
        writer.load(&mut taken);
        if writer.flush().await.is_err() || writer.shutdown().await.is_err() {
            return;
        }
    }
    // A TCP connection that is closed while something unread waits in it is reset, and the reset may
    // overtake the close frame: what the client still sends is read and thrown away.
    while let Some(Ok(_)) = socket.next().await {}
    // Nor does the WebSocket read on after a frame that is too large.
    if let End::Close(TOO_LARGE, _) = end {
        let mut rest = [0; 8 * 1024];
        while let Ok(1..) = socket.get_mut().half.read(&mut rest).await {}
    }
}
