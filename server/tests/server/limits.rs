//! What a connection may do, at the limit and over it.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{DEADLINE, process::Server};

#[tokio::test]
async fn a_frame_has_two_mebibytes_and_not_one_byte_more() {
    let server = Server::protocol(&[]);
    let mut raw = server.raw().await;
    let bare = json!({"type": "PING", "x": ""}).to_string().len();
    let ping = |length: usize| json!({"type": "PING", "x": "x".repeat(length - bare)}).to_string();
    raw.tell_text(&ping(2_097_152)).await;
    raw.hear("PONG").await;
    raw.tell_text(&ping(2_097_153)).await;
    assert_eq!(raw.closed().await.0, 1009);
}

#[tokio::test]
async fn binary_frames_count_as_text() {
    let server = Server::protocol(&[]);
    let mut raw = server.raw().await;
    raw.tell_binary(br#"{"type":"PING"}"#).await;
    raw.hear("PONG").await;
    raw.tell_binary(&[0xff, 0xfe]).await;
    assert_eq!(raw.hear("ERROR").await["code"], "INVALID_MSG");
}

/// Reads until the server has closed.
async fn ended(mut tcp: TcpStream) -> Duration {
    let begun = Instant::now();
    let mut buffer = vec![0; 4096];
    let read = async { while !matches!(tcp.read(&mut buffer).await, Ok(0) | Err(_)) {} };
    timeout(DEADLINE, read).await.expect("it was not dropped");
    begun.elapsed()
}

#[tokio::test]
async fn who_does_not_shake_hands_in_time_is_dropped() {
    let server = Server::protocol(&["--handshake-timeout-ms", "300"]);
    let address = ("127.0.0.1", server.port());
    let silent = TcpStream::connect(address).await.unwrap();
    let mut half = TcpStream::connect(address).await.unwrap();
    half.write_all(b"GET / HTTP/1.1\r\nUpgrade: webs")
        .await
        .unwrap();
    let (silent, half) = tokio::join!(ended(silent), ended(half));
    assert!(
        silent.min(half) >= Duration::from_millis(250),
        "{silent:?} {half:?}"
    );
    let mut raw = server.raw().await;
    raw.visit("ada").await;
}

#[tokio::test]
async fn a_request_has_a_head_of_so_many_bytes() {
    let server = Server::protocol(&[]);
    for (length, answer) in [
        (16_000, "HTTP/1.1 200 OK"),
        (17_000, "HTTP/1.1 400 Bad Request"),
    ] {
        let mut tcp = TcpStream::connect(("127.0.0.1", server.port()))
            .await
            .unwrap();
        let head = format!("GET /livez HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(length));
        tcp.write_all(head.as_bytes()).await.unwrap();
        let mut said = vec![0; answer.len()];
        let read = tcp.read_exact(&mut said);
        timeout(DEADLINE, read).await.unwrap().unwrap();
        assert_eq!(String::from_utf8_lossy(&said), answer, "{length}");
    }
}

#[tokio::test]
async fn who_gives_no_sign_of_life_is_dropped_and_who_does_stays() {
    let server = Server::protocol(&["--ping-interval-ms", "200", "--announcements", "false"]);
    let mut dead = server.visitor("dead").await;
    let mut alive = server.raw().await;
    alive.visit("alive").await;
    // The one that reads answers by itself, over many times the interval; the other's socket is never looked at.
    let left = alive.hear("AGENT_LEFT").await;
    assert_eq!(left["channel"], "#general");
    alive.rest().await;
    for _ in 0..5 {
        assert!(alive.is_quiet(Duration::from_millis(200)).await);
    }
    alive.tell(json!({"type": "PING"})).await;
    alive.hear("PONG").await;
    let log = std::fs::read_to_string(server.dir.path().join("data/audit.jsonl")).unwrap();
    assert_eq!(log.matches("heartbeat_timeout").count(), 1, "{log}");
    let (code, _) = dead.closed().await;
    assert_ne!(code, 1000, "it was dropped, and not told");
}

#[tokio::test]
async fn who_takes_nothing_for_too_long_is_dropped() {
    let server = Server::public(&["--write-timeout-ms", "500", "--queue-bytes", "1000000000"]);
    let mut deaf = server.visitor("deaf").await;
    let mut ada = server.raw_approved("ada").await;
    let much = "x".repeat(1024 * 1024);
    // More than the operating system takes for one connection.
    for _ in 0..24 {
        ada.say("#general", &much).await;
    }
    let gone = async {
        loop {
            ada.tell(json!({"type": "LIST_AGENTS", "channel": "#general"}))
                .await;
            let there = ada.hear("AGENTS").await["list"].clone();
            if there
                .as_array()
                .unwrap()
                .iter()
                .all(|agent| agent["name"] != "deaf")
            {
                return;
            }
        }
    };
    timeout(DEADLINE, gone).await.expect("it was not dropped");
    deaf.closed().await;
}
