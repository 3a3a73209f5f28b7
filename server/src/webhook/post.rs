//! One event over one connection.

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use super::target::Target;

/// Why an event was not taken.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// No connection, or one that broke.
    #[error("{0} can't be reached")]
    Unreachable(String, #[source] std::io::Error),
    /// Something else than HTTP.
    #[error("the answer is no HTTP")]
    Answer,
    /// Not taken, with this status.
    #[error("the answer is {0}")]
    Status(u16),
}

impl PostError {
    /// Whether it may be taken later. What a receiver refuses it refuses again, unless it is busy.
    pub fn passes(&self) -> bool {
        match self {
            Self::Unreachable(..) | Self::Answer => true,
            Self::Status(status) => *status >= 500 || matches!(status, 408 | 425 | 429),
        }
    }
}

/// Posts an event; the caller sets the deadline.
pub async fn post(
    target: &Target,
    connector: Option<&TlsConnector>,
    event: &str,
) -> Result<(), PostError> {
    let failed = |error| PostError::Unreachable(target.authority.clone(), error);
    let tcp = TcpStream::connect(&*target.authority)
        .await
        .map_err(failed)?;
    let answer = match (connector, &target.tls) {
        (Some(connector), Some(name)) => {
            let tls = connector.connect(name.clone(), tcp).await.map_err(failed)?;
            exchange(tls, target, event).await
        }
        _ => exchange(tcp, target, event).await,
    };
    match status(&answer.map_err(failed)?) {
        Some(200..300) => Ok(()),
        Some(status) => Err(PostError::Status(status)),
        None => Err(PostError::Answer),
    }
}

/// How the answer begins.
async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    target: &Target,
    event: &str,
) -> std::io::Result<[u8; 12]> {
    let Target {
        authority, path, ..
    } = target;
    let length = event.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {authority}\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n{event}"
    );
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

/// The status in `HTTP/1.1 200`.
fn status(answer: &[u8; 12]) -> Option<u16> {
    let text = std::str::from_utf8(answer).ok()?;
    let rest = text.strip_prefix("HTTP/1.")?;
    rest.get(2..)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_is_tried_again() {
        for (answer, expected) in [
            (b"HTTP/1.1 200", Some(200)),
            (b"HTTP/1.0 503", Some(503)),
            (b"HTTP/2   200", None),
            (b"HTTP/1.1 2x0", None),
            (b"hello, world", None),
        ] {
            assert_eq!(status(answer), expected);
        }
        let passes = |status| PostError::Status(status).passes();
        assert!(passes(500) && passes(503) && passes(429) && PostError::Answer.passes());
        assert!(!passes(400) && !passes(404) && !passes(301));
    }
}
