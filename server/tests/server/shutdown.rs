//! SIGTERM: all that was said is told, and everybody knows when to come back.

use std::time::Duration;

use agentchat_client::Event;
use tokio::time::timeout;

use crate::{DEADLINE, next_message, process::Server};

/// Longer than the server has.
const END: Duration = Duration::from_secs(8);

#[tokio::test]
async fn what_was_said_before_reaches_those_who_read_late() {
    let mut server = Server::public(&[]);
    let mut sam = server.visitor("sam").await;
    let mut ada = server.raw_approved("ada").await;
    let much = "x".repeat(10_000);
    for n in 0..300 {
        ada.say("#general", &format!("{n} {much}")).await;
    }
    let late = async {
        for n in 0..300 {
            let received = sam.hear("MSG").await["content"].clone();
            assert!(received.as_str().unwrap().starts_with(&format!("{n} ")));
        }
        let stopping = sam.hear("SERVER_STOPPING").await;
        let after = stopping["reconnect_after_ms"].as_u64().unwrap();
        assert!((250..2250).contains(&after), "{stopping}");
        sam.closed().await
    };
    let (status, closed) = tokio::join!(server.terminate(END), late);
    assert_eq!(closed, (1001, "server is stopping".to_owned()));
    assert!(status.success());
}

#[tokio::test]
async fn all_of_a_crowd_hear_when_to_come_back() {
    let mut server = Server::public(&[]);
    let mut crowd = vec![];
    for n in 0..200 {
        crowd.push(server.visitor(&format!("v{n}")).await);
    }
    let hear = crowd.iter_mut().map(async |visitor| {
        visitor.hear("SERVER_STOPPING").await;
        visitor.closed().await
    });
    let (status, closed) = tokio::join!(server.terminate(END), futures::future::join_all(hear));
    assert!(status.success());
    assert!(closed.iter().all(|(code, _)| *code == 1001));
}

#[tokio::test]
async fn a_restart_under_load_loses_nothing_that_was_acknowledged() {
    let mut server = Server::start();
    let (ada, _a) = server.approved("ada").await;
    ada.create_channel("#general", false, false).await.unwrap();
    let (sam, mut received) = server.client_in("sam", Some(server.identity().await), &["#general"]);
    timeout(DEADLINE, sam.connected()).await.unwrap().unwrap();
    sam.join("#general").await.unwrap();
    let speaker = ada.clone();
    let speak = tokio::spawn(async move {
        let mut said = vec![];
        let mut n = 0;
        while said.len() < 300 {
            n += 1;
            match speaker.send("#general", &n.to_string(), None).await {
                Ok(_) => said.push(n.to_string()),
                Err(_) => tokio::task::yield_now().await,
            }
        }
        said
    });
    let mut contents = vec![];
    while contents.len() < 50 {
        contents.push(next_message(&mut received).await.content);
    }
    assert!(server.terminate(END).await.success());
    server.kill_and_restart();
    let said = timeout(DEADLINE, speak).await.unwrap().unwrap();
    // What was refused may have been stored all the same; what was acknowledged is there, in order, once.
    while contents.last() != said.last() {
        contents.push(next_message(&mut received).await.content);
    }
    let mut sorted: Vec<u32> = contents.iter().map(|n| n.parse().unwrap()).collect();
    let before = sorted.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(before, sorted);
    assert!(said.iter().all(|n| contents.contains(n)));
}

#[tokio::test]
async fn our_client_says_that_the_server_stops() {
    let mut server = Server::start();
    let (ada, mut events) = server.approved("ada").await;
    assert!(server.terminate(END).await.success());
    let told = async {
        loop {
            if let Event::Disconnected { reason } = events.recv().await.unwrap() {
                return reason;
            }
        }
    };
    let reason = timeout(DEADLINE, told).await.unwrap();
    assert!(reason.starts_with("SERVER_STOPPING"), "{reason}");
    ada.shutdown().await;
}
