//! Coming back after the connection broke: each message once, none missed.

use agentchat_client::{Client, Event, Events};
use tokio::time::timeout;

use crate::{DEADLINE, next_message, process::Server, proxy::Proxy};

/// Somebody behind a network that can be cut.
async fn behind(proxy: &Proxy, server: &Server, channels: &[&str]) -> (Client, Events) {
    let url = format!("wss://localhost:{}", proxy.port);
    let identity = Some(server.identity().await);
    let (client, events) = Client::start(server.options(&url, "sam", identity, channels));
    timeout(DEADLINE, client.connected())
        .await
        .unwrap()
        .unwrap();
    (client, events)
}

async fn until(events: &mut Events, wanted: impl Fn(&Event) -> bool) -> Event {
    let found = async {
        loop {
            let event = events.recv().await.expect("the client ended");
            if wanted(&event) {
                return event;
            }
        }
    };
    timeout(DEADLINE, found)
        .await
        .expect("the event did not come")
}

#[tokio::test]
async fn what_was_said_while_away_is_heard_once_in_all_channels() {
    let server = Server::start();
    let (ada, _a) = server.approved("ada").await;
    for channel in ["#joined", "#quiet", "#received"] {
        ada.create_channel(channel, false, false).await.unwrap();
    }
    let proxy = Proxy::to(server.port()).await;
    let (sam, mut received) = behind(&proxy, &server, &[]).await;
    sam.join("#joined").await.unwrap();
    ada.send("#received", "0", None).await.unwrap();
    assert_eq!(next_message(&mut received).await.content, "0");

    proxy.cut().await;
    until(&mut received, |e| matches!(e, Event::Disconnected { .. })).await;
    // More than history that newcomers are told.
    for n in 1..=250 {
        ada.send("#joined", &n.to_string(), None).await.unwrap();
    }
    ada.send("#received", "1", None).await.unwrap();
    ada.send("#quiet", "1", None).await.unwrap();
    proxy.mend();
    until(&mut received, |e| matches!(e, Event::Connected(_))).await;
    for channel in ["#joined", "#received", "#quiet"] {
        ada.send(channel, "last", None).await.unwrap();
    }
    let mut said = std::collections::BTreeMap::<String, Vec<String>>::new();
    for _ in 0..250 + 1 + 1 + 3 {
        let message = next_message(&mut received).await;
        said.entry(message.to).or_default().push(message.content);
    }
    let mut expected: Vec<_> = (1..=250).map(|n: u32| n.to_string()).collect();
    expected.push("last".to_owned());
    assert_eq!(said["#joined"], expected);
    assert_eq!(said["#received"], ["1", "last"]);
    assert_eq!(said["#quiet"], ["1", "last"]);
    sam.shutdown().await;
}

#[tokio::test]
async fn nothing_is_lost_or_heard_twice_while_the_network_breaks_again_and_again() {
    const COUNT: u32 = 300;
    let server = Server::start();
    let (ada, _a) = server.approved("ada").await;
    ada.create_channel("#general", false, false).await.unwrap();
    let proxy = Proxy::to(server.port()).await;
    let (sam, mut received) = behind(&proxy, &server, &["#general"]).await;
    let speak = async {
        for n in 0..COUNT {
            ada.send("#general", &n.to_string(), None).await.unwrap();
        }
    };
    let hear = async {
        let mut numbers = vec![];
        while numbers.len() < COUNT as usize {
            numbers.push(next_message(&mut received).await.content);
            if numbers.len() % 60 == 30 {
                proxy.cut().await;
                proxy.mend();
            }
        }
        numbers
    };
    let ((), numbers) = tokio::join!(speak, hear);
    let expected: Vec<_> = (0..COUNT).map(|n| n.to_string()).collect();
    assert_eq!(numbers, expected);
    sam.shutdown().await;
}

#[tokio::test]
async fn what_is_sent_while_the_network_breaks_is_said_once_and_in_order() {
    const COUNT: u32 = 150;
    let server = Server::start();
    let (ada, mut received) = server.approved("ada").await;
    ada.create_channel("#general", false, false).await.unwrap();
    let proxy = Proxy::to(server.port()).await;
    let (sam, _events) = behind(&proxy, &server, &["#general"]).await;
    let speak = async {
        for n in 0..COUNT {
            let content = n.to_string();
            let sent = sam.send_once("#general", &content, None, DEADLINE);
            sent.await.unwrap();
        }
    };
    let hear = async {
        let mut numbers = vec![];
        while numbers.len() < COUNT as usize {
            numbers.push(next_message(&mut received).await.content);
            // The echo is on its way, and is lost.
            if numbers.len() % 30 == 15 {
                proxy.cut().await;
                proxy.mend();
            }
        }
        numbers
    };
    let ((), numbers) = tokio::join!(speak, hear);
    let expected: Vec<_> = (0..COUNT).map(|n| n.to_string()).collect();
    assert_eq!(numbers, expected);
    sam.shutdown().await;
}

#[tokio::test]
async fn a_refused_rejoin_is_told_and_is_nobody_elses_answer() {
    let server = Server::start();
    let (ada, _a) = server.approved("ada").await;
    ada.create_channel("#general", false, false).await.unwrap();
    let identity = Some(server.identity().await);
    let (sam, mut events) = server.client_in("sam", identity, &["#nowhere", "#general"]);
    // Asked before the connection stands: it comes after the JOINs of the client's own.
    let joined = timeout(DEADLINE, sam.join("#general")).await.unwrap();
    joined.unwrap();
    let refused = until(&mut events, |e| matches!(e, Event::JoinRefused { .. })).await;
    let Event::JoinRefused { channel, code, .. } = refused else {
        unreachable!()
    };
    assert_eq!((&*channel, &*code), ("#nowhere", "CHANNEL_NOT_FOUND"));
    sam.shutdown().await;
}

#[tokio::test]
async fn leaving_a_channel_that_does_not_exist_does_not_wait_for_ever() {
    let server = Server::start();
    let (ada, _a) = server.approved("ada").await;
    let left = timeout(DEADLINE, ada.leave("#nowhere")).await;
    left.unwrap().unwrap();
    ada.create_channel("#general", false, false).await.unwrap();
    let agents = ada.list_agents("#general").await.unwrap();
    assert_eq!(agents.len(), 1);
    assert_eq!((&*agents[0].name, agents[0].verified), ("ada", true));
    ada.shutdown().await;
}
