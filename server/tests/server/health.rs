//! HTTP on the same port.

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    DEADLINE,
    process::{ADMIN_KEY, Server},
    raw::Raw,
};

/// The status line, and the body.
pub async fn ask(server: &Server, request: &str) -> (String, String) {
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
async fn monitoring_has_its_pages() {
    let server = Server::public(&[]);
    let get = async |path: &str| ask(&server, &format!("GET {path} HTTP/1.1\r\n\r\n")).await;
    for path in ["/livez", "/readyz"] {
        assert_eq!(
            get(path).await,
            ("HTTP/1.1 200 OK".to_owned(), "ok\n".to_owned())
        );
    }
    let mut ada = server.raw_approved("ada").await;
    ada.say("#general", "x").await;
    let (_, metrics) = get("/metrics").await;
    for row in [
        "agentchat_agents 1",
        "agentchat_channels 9",
        "agentchat_messages_total 1",
    ] {
        assert!(metrics.lines().any(|line| line == row), "{row}: {metrics}");
    }
    assert!(metrics.contains("# TYPE agentchat_deliveries_total counter"));
}

#[tokio::test]
async fn an_operator_sees_who_is_connected_and_from_where() {
    let server = Server::public(&["--trusted-proxies", "127.0.0.0/8"]);
    let headers = [
        ("user-agent", "a test"),
        ("x-forwarded-for", "6.6.6.6, 192.0.2.7"),
    ];
    let mut ada = Raw::connect_with(server.port(), &headers).await;
    let id = ada.visit("ada").await["agent_id"]
        .as_str()
        .unwrap()
        .trim_start_matches('@')
        .to_owned();
    // Not identified, not shown.
    let _open = server.raw().await;
    let request = |key: &str| format!("GET /api/connections HTTP/1.1\r\n{key}\r\n\r\n");
    let (status, body) = ask(&server, &request(&format!("X-Admin-Key: {ADMIN_KEY}"))).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&*status, &body["count"]), ("HTTP/1.1 200 OK", &json!(1)));
    let one = &body["connections"][0];
    assert_eq!(
        (&one["agent_id"], &one["ip"], &one["user_agent"]),
        (&json!(id), &json!("192.0.2.7"), &json!("a test"))
    );
    assert!(one["connected_at"].is_i64());
    for key in ["X-Admin-Key: wrong", "Host: x"] {
        assert_eq!(
            ask(&server, &request(key)).await.0,
            "HTTP/1.1 401 Unauthorized"
        );
    }
    let bare = Server::protocol(&[]);
    assert_eq!(
        ask(&bare, &request("X-Admin-Key: ")).await.0,
        "HTTP/1.1 401 Unauthorized"
    );
}

#[tokio::test]
async fn the_first_sub_protocol_is_taken() {
    let server = Server::plain(&[]);
    let headers = [("sec-websocket-protocol", "one, two")];
    let taken = Raw::handshake(server.port(), &headers).await.1;
    assert_eq!(taken.as_deref(), Some("one"));
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
