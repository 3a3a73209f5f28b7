//! Events over real sockets.

use std::sync::Arc;

use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use super::*;

const EVENTS: [&str; 2] = ["{\"n\":1}", "{\"n\":2}"];

fn poster(url: &str, ca: Option<&std::path::Path>) -> Poster {
    let target: Target = url.parse().unwrap();
    let connector = target.tls.is_some().then(|| roots::connector(ca).unwrap());
    Poster {
        target,
        connector,
        first_pause: Duration::from_millis(1),
    }
}

/// Takes one request, gives its body, and answers.
async fn take(stream: impl AsyncRead + AsyncWrite + Unpin, status: &str) -> String {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(stream.read_line(&mut head).await.unwrap(), 0, "{head}");
    }
    assert!(head.starts_with("POST /hook HTTP/1.1\r\n"), "{head}");
    let mut body = [0; 7];
    stream.read_exact(&mut body).await.unwrap();
    let answer = format!("HTTP/1.1 {status}\r\n\r\n");
    stream.write_all(answer.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    String::from_utf8(body.to_vec()).unwrap()
}

/// What arrives when the receiver answers like this; nothing is answered where there is no status.
async fn arrives(answers: &[&str]) -> Vec<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (events, waiting) = queue();
    let following = tokio::spawn(poster(&url, None).follow(waiting));
    for event in EVENTS {
        events.try_send(event.to_owned()).unwrap();
    }
    drop(events);
    let mut bodies = vec![];
    for status in answers {
        let (tcp, _) = listener.accept().await.unwrap();
        match *status {
            "" => drop(tcp),
            status => bodies.push(take(tcp, status).await),
        }
    }
    following.await.unwrap();
    bodies
}

#[tokio::test]
async fn an_event_is_tried_again_and_the_next_comes_after_it() {
    let bodies = arrives(&["500 No", "", "429 Slowly", "204 Yes", "200 Yes"]).await;
    assert_eq!(bodies, [EVENTS[0], EVENTS[0], EVENTS[0], EVENTS[1]]);
}

#[tokio::test]
async fn what_is_refused_for_good_is_not_tried_again() {
    let bodies = arrives(&["404 Never", "200 Yes"]).await;
    assert_eq!(bodies, EVENTS);
}

#[tokio::test]
async fn tries_end() {
    let mut answers = vec!["503 No"; TRIES as usize];
    answers.push("200 Yes");
    let bodies = arrives(&answers).await;
    assert_eq!(bodies.len(), TRIES as usize + 1);
    assert_eq!(bodies.last().unwrap(), EVENTS[1]);
}

#[tokio::test]
async fn over_tls_only_to_whom_the_certificate_says() {
    let dir = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let ca = dir.path().join("ca.pem");
    std::fs::write(&ca, made.cert.pem()).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let receive = async {
        let (tcp, _) = listener.accept().await.unwrap();
        take(acceptor.accept(tcp).await.unwrap(), "200 Yes").await
    };
    let good = poster(&format!("https://localhost:{port}/hook"), Some(&ca));
    let sent = post(&good.target, good.connector.as_ref(), EVENTS[0]);
    let (sent, received) = tokio::join!(sent, receive);
    assert!(sent.is_ok() && received == EVENTS[0], "{sent:?}");

    // Another name than the certificate's.
    let bad = poster(&format!("https://127.0.0.1:{port}/hook"), Some(&ca));
    let sent = post(&bad.target, bad.connector.as_ref(), EVENTS[0]);
    let refuse = async {
        let (tcp, _) = listener.accept().await.unwrap();
        acceptor.accept(tcp).await.is_err()
    };
    let (sent, refused) = tokio::join!(sent, refuse);
    assert!(refused && chain(&sent.unwrap_err()).contains("certificate"));
}

#[test]
fn a_file_without_certificates_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("roots.pem");
    let refused = |file| chain(&*roots::connector(Some(file)).err().unwrap());
    assert!(refused(&file).contains("--escrow-webhook-ca"));
    std::fs::write(&file, "nothing").unwrap();
    assert!(refused(&file).contains("has no certificate"));
}

#[test]
fn pauses_are_jittered_within_bounds() {
    let random = SystemRandom::new();
    let all: std::collections::HashSet<_> = (0..50).map(|_| jittered(PAUSE, &random)).collect();
    assert!(all.iter().all(|pause| (PAUSE / 2..=PAUSE).contains(pause)));
    assert!(all.len() > 5);
}
