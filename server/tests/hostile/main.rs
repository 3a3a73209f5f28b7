//! Hundreds of peers that send anything, and two that talk to each other and notice nothing.
//!
//! `AGENTCHAT_SEED=n` chooses what is sent.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where something unexpected happens"
)]

#[path = "../crash/dice.rs"]
mod dice;
mod noise;
#[path = "../server/process.rs"]
#[expect(dead_code, reason = "shared with the other tests of the program")]
mod process;
#[path = "../server/raw.rs"]
#[expect(dead_code, reason = "shared with the other tests of the program")]
mod raw;

use std::time::Duration;

use futures::future::join_all;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use self::{dice::Dice, process::Server, raw::Raw};

const DEADLINE: Duration = Duration::from_secs(20);
const PEERS: u64 = 150;
const FRAMES: u64 = 20;
/// How soon a message must arrive, on a busy machine.
const SOON: Duration = Duration::from_secs(5);
/// What the server may grow to, in KiB.
const MEMORY: u64 = 400 * 1024;

/// Sends frames, and reads nothing until it is done.
async fn babble(port: u16, mut dice: Dice) {
    let mut raw = Raw::connect(port).await;
    if dice.below(2) == 0 {
        raw.visit("babbler").await;
    }
    for _ in 0..FRAMES {
        if !raw.try_tell_text(&noise::frame(&mut dice)).await {
            return;
        }
    }
}

/// Sends bytes: no request, half of one, or a WebSocket that breaks its own rules.
async fn scramble(port: u16, mut dice: Dice) {
    let mut tcp = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let head = "GET / HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
        sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let told = match dice.below(4) {
        0 => 0,
        1 => usize::try_from(dice.below(head.len() as u64)).unwrap(),
        _ => head.len(),
    };
    let mut bytes = head.as_bytes()[..told].to_vec();
    for _ in 0..dice.below(400) {
        bytes.extend(dice.next().to_le_bytes());
    }
    // The server may have closed already, with reason.
    if tcp.write_all(&bytes).await.is_ok() {
        let mut answer = [0; 1024];
        let read = tcp.read(&mut answer);
        drop(timeout(Duration::from_millis(50), read).await);
    }
}

fn memory(server: &Server) -> u64 {
    let status = format!("/proc/{}/status", server.pid());
    let status = std::fs::read_to_string(status).expect("the server is gone");
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    line.unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_harmed_by_what_others_send() {
    let seed = std::env::var("AGENTCHAT_SEED").ok();
    let seed: u64 = seed.and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let server = Server::public(&[]);
    let mut ada = server.raw_approved("ada").await;
    let mut sam = server.raw_approved("sam").await;
    let port = server.port();
    // Connected, and never saying more.
    let mut slow = vec![];
    for n in 0..100 {
        let mut tcp = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        tcp.write_all(&b"GET / HTTP/1.1\r\nhost: x\r\n"[..n % 25])
            .await
            .unwrap();
        slow.push(tcp);
    }
    let hostile = (0..PEERS).map(|n| async move {
        let dice = |more| Dice(seed ^ ((n * 2 + more) << 8));
        tokio::join!(babble(port, dice(0)), scramble(port, dice(1)));
    });
    let hostile = tokio::spawn(join_all(hostile));
    let mut n = 0;
    while n < 100 || !hostile.is_finished() {
        let content = format!("honest {n}");
        let arrives = async {
            ada.say("#general", &content).await;
            loop {
                let received = sam.hear("MSG").await;
                if received["from_name"] == "ada" {
                    assert_eq!(received["content"], *content, "seed {seed}");
                    return;
                }
            }
        };
        let arrived = timeout(SOON, arrives).await;
        arrived.unwrap_or_else(|_| panic!("seed {seed}: {content} is late"));
        n += 1;
    }
    hostile.await.unwrap();
    assert!(memory(&server) < MEMORY, "{} KiB", memory(&server));
}
