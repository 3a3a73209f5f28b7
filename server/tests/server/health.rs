//! HTTP on the same port.

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{DEADLINE, process::Server};

/// The status line, and the body.
async fn ask(server: &Server, request: &str) -> (String, String) {
    let mut tcp = TcpStream::connect(("127.0.0.1", server.port()))
        .await
        .unwrap();
    // In pieces, as a network may deliver it.
    for piece in request.as_bytes().chunks(7) {
        tcp.write_all(piece).await.unwrap();
    }
    let mut answer = String::new();
    let read = timeout(DEADLINE, tcp.read_to_string(&mut answer)).await;
    read.expect("no answer in time").unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.lines().next().unwrap().to_owned();
    (status, body.to_owned())
}

async fn health(server: &Server) -> Value {
    let (status, body) = ask(server, "GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(status, "HTTP/1.1 200 OK");
    serde_json::from_str(&body).unwrap()
}

#[tokio::test]
async fn health_tells_how_the_server_is() {
    let server = Server::plain(&["--profile", "public", "--name", "here"]);
    let fresh = health(&server).await;
    assert_eq!(
        (&fresh["status"], &fresh["server"]),
        (&json!("healthy"), &json!("here"))
    );
    assert_eq!(fresh["channels"], json!({"total": 9, "public": 9}));
    assert_eq!(fresh["agents"], json!({"connected": 0, "with_identity": 0}));
    let started = fresh["started_at"].as_str().unwrap();
    assert!(
        started.starts_with("20") && started.ends_with('Z'),
        "{started}"
    );

    let mut visitor = server.raw().await;
    visitor.visit("visitor").await;
    let _ada = server.raw_approved("ada").await;
    let busy = health(&server).await;
    assert_eq!(busy["agents"], json!({"connected": 2, "with_identity": 1}));
}

#[tokio::test]
async fn everything_else_is_not_found() {
    let server = Server::plain(&[]);
    for (request, status) in [
        (
            "GET / HTTP/1.1\r\nhost: x\r\n\r\n",
            "HTTP/1.1 404 Not Found",
        ),
        ("GET /health?x HTTP/1.1\r\n\r\n", "HTTP/1.1 404 Not Found"),
        ("POST /health HTTP/1.1\r\n\r\n", "HTTP/1.1 404 Not Found"),
        ("nonsense\r\n\r\n", "HTTP/1.1 400 Bad Request"),
    ] {
        assert_eq!(ask(&server, request).await.0, status, "{request}");
    }
}

#[tokio::test]
async fn any_path_takes_websocket() {
    let server = Server::plain(&[]);
    let tcp = TcpStream::connect(("127.0.0.1", server.port()))
        .await
        .unwrap();
    let url = format!("ws://127.0.0.1:{}/health?x=1", server.port());
    tokio_tungstenite::client_async(url, tcp).await.unwrap();
}
