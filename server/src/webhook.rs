//! Events of escrows, posted to somebody who follows them.
//!
//! Each is posted after what it tells of is durable, in order, at most once: one that nobody takes within its tries
//! is logged and lost, and so are those that wait when the server is killed.

use std::{str::FromStr, time::Duration};

use anyhow::{Context, bail};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
    time::{sleep, timeout},
};

/// Events that may wait.
const WAITING: usize = 1024;
/// How often one is tried.
const TRIES: u32 = 3;
/// One try.
const TRY: Duration = Duration::from_secs(5);
/// After a try that failed; doubled each time.
const PAUSE: Duration = Duration::from_millis(500);

/// Where events are posted: `http://host[:port]/path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Host and port.
    authority: String,
    path: String,
}

/// Not such a URL.
#[derive(Debug, PartialEq, Eq)]
pub struct NoTarget;

impl FromStr for Target {
    type Err = NoTarget;

    fn from_str(text: &str) -> Result<Self, NoTarget> {
        let rest = text.strip_prefix("http://").ok_or(NoTarget)?;
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let odd = |c: char| c.is_whitespace() || c.is_control();
        if host.is_empty() || host.contains('@') || text.contains(odd) {
            return Err(NoTarget);
        }
        // Within brackets, colons are the address's own.
        let port = host.rsplit(']').next().unwrap_or(host).contains(':');
        Ok(Self {
            authority: if port {
                host.to_owned()
            } else {
                format!("{host}:80")
            },
            path: if path.is_empty() {
                "/".to_owned()
            } else {
                path.to_owned()
            },
        })
    }
}

/// Where events are put; they are posted by [`follow`].
pub fn queue() -> (mpsc::Sender<String>, mpsc::Receiver<String>) {
    mpsc::channel(WAITING)
}

/// Posts events until no more can come.
pub async fn follow(target: Target, mut events: mpsc::Receiver<String>) {
    while let Some(event) = events.recv().await {
        let mut pause = PAUSE;
        for again in (0..TRIES).rev() {
            let posted = timeout(TRY, post(&target, &event)).await;
            let failed = match posted {
                Ok(Ok(())) => break,
                Ok(Err(error)) => format!("{error:#}"),
                Err(_) => "no answer in time".to_owned(),
            };
            tracing::warn!(failed, again, "an escrow event was not taken");
            if again > 0 {
                sleep(pause).await;
                pause *= 2;
            }
        }
    }
}

async fn post(target: &Target, event: &str) -> anyhow::Result<()> {
    let Target { authority, path } = target;
    let tcp = TcpStream::connect(authority.as_str()).await;
    let mut tcp = tcp.with_context(|| format!("{authority} can't be reached"))?;
    let length = event.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {authority}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{event}"
    );
    tcp.write_all(request.as_bytes()).await?;
    let mut answer = [0; 12];
    tcp.read_exact(&mut answer)
        .await
        .context("no whole answer")?;
    match answer {
        [
            b'H',
            b'T',
            b'T',
            b'P',
            b'/',
            b'1',
            b'.',
            _,
            b' ',
            b'2',
            _,
            _,
        ] => Ok(()),
        _ => bail!("the answer is {:?}", String::from_utf8_lossy(&answer)),
    }
}

#[cfg(test)]
mod tests {
    use tokio::{io::AsyncBufReadExt, net::TcpListener};

    use super::*;

    #[test]
    fn targets_are_plain_urls() {
        let target = |authority: &str, path: &str| Target {
            authority: authority.to_owned(),
            path: path.to_owned(),
        };
        for (text, expected) in [
            ("http://localhost/x?y", target("localhost:80", "/x?y")),
            ("http://h:81", target("h:81", "/")),
            ("http://[::1]/", target("[::1]:80", "/")),
            ("http://[::1]:9/", target("[::1]:9", "/")),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        for bad in [
            "",
            "https://h/",
            "http://",
            "http:///x",
            "http://u@h/",
            "http://h/a b",
            "http://h/\r\nx",
        ] {
            assert_eq!(bad.parse::<Target>(), Err(NoTarget), "{bad:?}");
        }
    }

    #[tokio::test]
    async fn an_event_is_tried_again_and_the_next_comes_after_it() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let (events, waiting) = queue();
        let following = tokio::spawn(follow(url.parse().unwrap(), waiting));
        for event in ["{\"n\":1}", "{\"n\":2}"] {
            events.try_send(event.to_owned()).unwrap();
        }
        drop(events);
        let mut bodies = vec![];
        for status in ["500 No", "204 Yes", "200 Yes"] {
            let (tcp, _) = listener.accept().await.unwrap();
            let mut tcp = tokio::io::BufReader::new(tcp);
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                tcp.read_line(&mut head).await.unwrap();
            }
            assert!(head.starts_with("POST /hook HTTP/1.1\r\n"), "{head}");
            let mut body = [0; 7];
            tcp.read_exact(&mut body).await.unwrap();
            bodies.push(String::from_utf8(body.to_vec()).unwrap());
            let answer = format!("HTTP/1.1 {status}\r\n\r\n");
            tcp.write_all(answer.as_bytes()).await.unwrap();
        }
        following.await.unwrap();
        assert_eq!(bodies, ["{\"n\":1}", "{\"n\":1}", "{\"n\":2}"]);
    }
}
