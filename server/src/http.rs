//! The HTTP side of the port: a request that does not ask for WebSocket is answered and done.

mod head;

use std::{io, net::IpAddr, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::oneshot,
    time::timeout,
};

pub use self::head::Head;
use crate::inbox::{Command, Inbox, Question};

/// The largest head of a request, in bytes.
const HEAD: usize = 16 * 1024;
/// How long the hub has to answer.
const PATIENCE: Duration = Duration::from_secs(2);

const JSON: &str = "application/json";
const PLAIN: &str = "text/plain";

/// Status, type and body of an answer.
type Answer = (&'static str, &'static str, String);

/// Reads the head of a request: what was read, also beyond it, and what it means.
pub async fn receive(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<(Vec<u8>, Option<Head>)> {
    let mut bytes = Vec::with_capacity(1024);
    loop {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = std::str::from_utf8(&bytes[..end]).ok();
            let head = head.filter(|_| end <= HEAD).and_then(Head::parse);
            return Ok((bytes, head));
        }
        if bytes.len() > HEAD {
            return Ok((bytes, None));
        }
    }
}

/// Answers a request.
pub async fn answer(
    mut writer: impl AsyncWrite + Unpin,
    head: Option<(Head, IpAddr)>,
    hub: &Inbox,
) -> io::Result<()> {
    let (status, type_, body) = match head {
        None => ("400 Bad Request", PLAIN, "not a request\n".to_owned()),
        Some((head, from)) => respond(&head, from, hub).await,
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {type_}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    writer.write_all((head + &body).as_bytes()).await?;
    writer.shutdown().await
}

async fn respond(head: &Head, from: IpAddr, hub: &Inbox) -> Answer {
    let unwell = |type_, body: &str| ("503 Service Unavailable", type_, body.to_owned());
    match (&*head.method, &*head.target) {
        ("GET", "/health") => match ask(hub, Question::Health).await {
            Some(Some(body)) => ("200 OK", JSON, body),
            _ => unwell(JSON, "{\"status\":\"unhealthy\"}"),
        },
        // That the process answers at all is what is asked.
        ("GET", "/livez") => ("200 OK", PLAIN, "ok\n".to_owned()),
        ("GET", "/readyz") => match ask(hub, Question::Ready).await {
            Some(None) => ("200 OK", PLAIN, "ok\n".to_owned()),
            Some(Some(why)) => unwell(PLAIN, &why),
            None => unwell(PLAIN, "the hub does not answer\n"),
        },
        ("GET", "/metrics") => match ask(hub, Question::Metrics).await {
            Some(Some(body)) => ("200 OK", "text/plain; version=0.0.4", body),
            _ => unwell(PLAIN, "the hub does not answer\n"),
        },
        ("GET", "/api/connections") => {
            let key = head.header("x-admin-key").map(str::to_owned);
            match ask(hub, Question::Connections { key, from }).await {
                Some(Some(body)) => ("200 OK", JSON, body),
                Some(None) => {
                    let body = "{\"error\":\"Unauthorized\"}".to_owned();
                    ("401 Unauthorized", JSON, body)
                }
                None => unwell(JSON, "{\"error\":\"the hub does not answer\"}"),
            }
        }
        _ => (
            "404 Not Found",
            PLAIN,
            "this is a chat server: connect with WebSocket, or ask for /health\n".to_owned(),
        ),
    }
}

/// What the hub says; none when it does not in time.
async fn ask(hub: &Inbox, question: Question) -> Option<Option<String>> {
    let (answer, answered) = oneshot::channel();
    let asked = async {
        hub.send(Command::Ask { question, answer }).await.ok()?;
        answered.await.ok()
    };
    timeout(PATIENCE, asked).await.ok().flatten()
}
