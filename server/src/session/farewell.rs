//! The end of a connection: the close frame gets out, or the socket is dropped.

use futures::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio_tungstenite::tungstenite::{Message, protocol::CloseFrame};

use super::{Sink, Source};

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
pub async fn farewell<S: AsyncRead + AsyncWrite + Unpin>(
    end: End,
    mut sink: Sink<S>,
    mut source: Source<S>,
) {
    let said = match end {
        End::Close(code, reason) => {
            let (code, reason) = (code.into(), reason.into());
            sink.send(Message::Close(Some(CloseFrame { code, reason })))
                .await
        }
        End::Answer => sink.close().await,
        End::Drop => return,
    };
    if said.is_err() {
        return;
    }
    // A TCP connection that is closed while something unread waits in it is reset, and the reset may
    // overtake the close frame: what the client still sends is read and thrown away.
    while let Some(Ok(_)) = source.next().await {}
    // Nor does the WebSocket read on after a frame that is too large.
    if let End::Close(TOO_LARGE, _) = end
        && let Ok(mut socket) = sink.reunite(source)
    {
        let mut rest = [0; 8 * 1024];
        while let Ok(1..) = socket.get_mut().read(&mut rest).await {}
    }
}
