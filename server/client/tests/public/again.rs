//! Coming back after a lost connection.

use agentchat_client::Event;

use crate::{client, contents, next, server::Server};

#[tokio::test]
async fn messages_sent_while_disconnected_arrive_once() {
    let server = Server::start().await;
    let (_ada, mut events) = client(&server, "ada", &["#help", "#general"]).await;
    server.state().say("#help", "one");
    server.state().say("#general", "two");
    let heard = contents(&mut events, "two").await;
    // Each channel has an order of its own.
    if !heard.contains(&"one".to_owned()) {
        contents(&mut events, "one").await;
    }
    for round in 0..3 {
        {
            let mut state = server.state();
            state.cut_all();
            state.say("#help", &format!("meanwhile {round}"));
            state.say("#help", "the same words");
            state.say("#help", "the same words");
            state.say("#help", &format!("end {round}"));
        }
        let heard = contents(&mut events, &format!("end {round}")).await;
        let help: Vec<_> = heard.iter().filter(|c| !c.contains("line")).collect();
        let expected = [
            &format!("meanwhile {round}"),
            "the same words",
            "the same words",
            &format!("end {round}"),
        ];
        assert_eq!(help, expected);
        // Notices have no ids, and history has them too.
        let online = heard.iter().filter(|c| c.contains("came online")).count();
        assert!(online <= 1, "{heard:?}");
    }
}

#[tokio::test]
async fn gap_is_reported_when_history_does_not_reach_back() {
    let server = Server::start().await;
    let (_ada, mut events) = client(&server, "ada", &["#help"]).await;
    let missed = |event: &Event| match event {
        Event::Missed { channel } => Some(Some(channel.clone())),
        Event::Message(message) if message.content.starts_with("new") => Some(None),
        _ => None,
    };
    server.state().say("#help", "old");
    contents(&mut events, "old").await;
    {
        let mut state = server.state();
        state.cut_all();
        for n in 0..250 {
            state.say("#help", &format!("new {n}"));
        }
    }
    let first = next(&mut events, missed).await;
    assert_eq!(first.as_deref(), Some("#help"));
    assert_eq!(contents(&mut events, "new 249").await.len(), 200);
    // Whatever was said before it was started again is gone, but for what was heard.
    server.state().start_again();
    server.state().say("#help", "new life");
    let first = next(&mut events, missed).await;
    assert_eq!(first.as_deref(), Some("#help"));
    contents(&mut events, "new life").await;
    // Nothing was missed by this one.
    server.state().cut_all();
    server.state().say("#help", "new and last");
    assert_eq!(next(&mut events, missed).await, None);
}

#[tokio::test]
async fn a_reader_of_many_channels_is_not_cut_off() {
    let server = Server::start().await;
    let names: Vec<_> = (0..25).map(|n| format!("#c{n}")).collect();
    for name in &names {
        server
            .state()
            .channels
            .insert(name.clone(), Default::default());
    }
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let (ada, mut events) = client(&server, "ada", &names).await;
    ada.ping().await.unwrap();
    server.state().say("#c24", "last");
    contents(&mut events, "last").await;
}

/// Connections that break at any moment, also while the client comes back.
#[tokio::test]
async fn every_message_arrives_once_and_in_order_whenever_connections_break() {
    for seed in [1_u32, 2, 3] {
        let server = Server::start().await;
        let (_ada, mut events) = client(&server, "ada", &["#help"]).await;
        let mut random = seed;
        let mut dice = |sides: u32| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 16) % sides
        };
        let mut cuts = 0;
        for n in 0..180 {
            server.state().say("#help", &n.to_string());
            match dice(12) {
                0 if cuts < 4 => {
                    cuts += 1;
                    server.state().cut_all();
                }
                1..4 => server.somebody().await,
                _ => tokio::task::yield_now().await,
            }
        }
        server.state().say("#help", "last");
        let heard = contents(&mut events, "last").await;
        let heard: Vec<_> = heard.into_iter().filter(|c| !c.contains("line")).collect();
        let expected = (0..180).map(|n| n.to_string());
        let expected: Vec<_> = expected.chain(["last".to_owned()]).collect();
        assert_eq!(heard, expected, "seed {seed}, {cuts} cuts");
    }
}
