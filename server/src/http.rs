//! The HTTP side of the port: a request that does not ask for WebSocket is answered and done.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::oneshot,
    time::timeout,
};

use crate::inbox::{Command, Inbox};

/// The largest head of a request, in bytes.
const HEAD: usize = 16 * 1024;
/// How long the hub has to say how it is.
const HEALTH: Duration = Duration::from_secs(2);

/// The head of a request.
#[derive(Debug, PartialEq, Eq)]
pub struct Head {
    method: String,
    target: String,
    /// Whether it asks for WebSocket.
    pub upgrade: bool,
}

/// Reads the head of a request: what was read, also beyond it, and what it means.
pub async fn receive(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<(Vec<u8>, Option<Head>)> {
    let mut bytes = Vec::with_capacity(1024);
    loop {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = std::str::from_utf8(&bytes[..end]).ok().and_then(parse);
            return Ok((bytes, head));
        }
        if bytes.len() > HEAD {
            return Ok((bytes, None));
        }
    }
}

fn parse(text: &str) -> Option<Head> {
    let mut lines = text.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target, version) = (first.next()?, first.next()?, first.next()?);
    if first.next().is_some() || !version.starts_with("HTTP/1.") {
        return None;
    }
    let upgrade = |line: &str| {
        line.split_once(':').is_some_and(|(name, value)| {
            name.eq_ignore_ascii_case("upgrade") && value.trim().eq_ignore_ascii_case("websocket")
        })
    };
    Some(Head {
        method: method.to_owned(),
        target: target.to_owned(),
        upgrade: lines.any(upgrade),
    })
}

/// Answers a request.
pub async fn answer(
    mut stream: impl AsyncWrite + Unpin,
    head: Option<Head>,
    hub: &Inbox,
) -> io::Result<()> {
    let (status, type_, body) = match head {
        None => (
            "400 Bad Request",
            "text/plain",
            "not a request\n".to_owned(),
        ),
        Some(head) if (&*head.method, &*head.target) == ("GET", "/health") => {
            match health(hub).await {
                Some(body) => ("200 OK", "application/json", body),
                None => (
                    "503 Service Unavailable",
                    "application/json",
                    "{\"status\":\"unhealthy\"}".to_owned(),
                ),
            }
        }
        Some(_) => (
            "404 Not Found",
            "text/plain",
            "this is a chat server: connect with WebSocket, or ask for /health\n".to_owned(),
        ),
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {type_}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all((head + &body).as_bytes()).await?;
    stream.shutdown().await
}

/// How the hub is, in its own words; none when it does not say.
async fn health(hub: &Inbox) -> Option<String> {
    let (answer, answered) = oneshot::channel();
    let asked = async {
        hub.send(Command::Health { answer }).await.ok()?;
        answered.await.ok()
    };
    timeout(HEALTH, asked).await.ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_say_what_they_want() {
        let head = |text| parse(text).map(|head| (head.method, head.target, head.upgrade));
        let is = |target: &str, upgrade| Some(("GET".to_owned(), target.to_owned(), upgrade));
        assert_eq!(
            head("GET /health HTTP/1.1\r\nhost: x"),
            is("/health", false)
        );
        assert_eq!(
            head("GET / HTTP/1.1\r\nConnection: Upgrade\r\nUPGRADE:  WebSocket "),
            is("/", true)
        );
        assert_eq!(head("GET / HTTP/1.1\r\nupgrade: h2c"), is("/", false));
        for bad in [
            "",
            "GET",
            "GET /",
            "GET / HTTP/2",
            "a b c d",
            "GET  / HTTP/1.1",
        ] {
            assert_eq!(head(bad), None, "{bad}");
        }
    }
}
