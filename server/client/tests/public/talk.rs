//! Coming in, talking, listing: what the answers look like there.

use agentchat_client::{Admin, Client, ClientError, Event, Options};
use tokio::time::timeout;

use crate::{DEADLINE, client, contents, message, next, options, server::Server};

#[tokio::test]
async fn requests_work_without_what_our_server_adds() {
    let server = Server::start().await;
    let (ada, mut events) = client(&server, "ada", &["#help"]).await;
    let (sam, _s) = client(&server, "sam", &[]).await;
    let came = |event: &Event| match event {
        Event::AgentJoined { name, .. } => Some(name.clone()),
        _ => None,
    };
    assert_eq!(next(&mut events, came).await, "sam");
    let sent = ada.send("#help", "hello", Some("7-y")).await.unwrap();
    let heard = loop {
        let heard = message(&mut events).await;
        if heard.to == "#help" {
            break heard;
        }
    };
    assert_eq!(
        (heard.msg_id, heard.in_reply_to, heard.verified),
        (Some(sent.msg_id), Some("7-y".into()), false)
    );
    let names: Vec<_> = sam.list_agents("#help").await.unwrap();
    let names: Vec<_> = names.into_iter().map(|a| (a.name, a.status_text)).collect();
    assert_eq!(names, [("ada".into(), None), ("sam".into(), None)]);
    ada.create_channel("#new", false, false).await.unwrap();
    ada.set_presence("busy", None).await.unwrap();
    assert_eq!(ada.list_channels().await.unwrap().len(), 3);
    ada.leave("#new").await.unwrap();
    ada.leave("#nowhere").await.unwrap();
    let refused = ada.send("@0000000000000001", "psst", None).await;
    assert!(
        matches!(&refused, Err(ClientError::Server { code, .. }) if code == "INVALID_MSG"),
        "{refused:?}"
    );
    // Nothing comes of a callback until it is due, not even an echo.
    let silent = timeout(DEADLINE / 2, ada.send("#help", "@@cb:5s@@wake up", None)).await;
    assert_eq!(silent.unwrap().unwrap().msg_id, "");
    ada.ping().await.unwrap();
}

#[tokio::test]
async fn a_field_of_another_kind_costs_nobody_the_message() {
    let server = Server::start().await;
    server.state().odd = true;
    let (ada, mut events) = client(&server, "ada", &["#help"]).await;
    ada.send("#help", "said oddly", None).await.unwrap();
    while message(&mut events).await.content != "said oddly" {}
    server.state().cut_all();
    server.state().say("#help", "more");
    assert_eq!(message_in(&mut events, "#help").await, "more");
    let admin = Admin::new(&server.url, None, "a key");
    let listed = admin.allowed().await.unwrap();
    assert_eq!((&*listed[0].agent_id, listed[0].approved_at), ("@a", 0));
    let bans = admin.bans().await;
    assert!(
        matches!(&bans, Err(ClientError::Server { code, .. }) if code == "UNSUPPORTED"),
        "{bans:?}"
    );
}

async fn message_in(events: &mut agentchat_client::Events, channel: &str) -> String {
    loop {
        let message = message(events).await;
        if message.to == channel {
            return message.content;
        }
    }
}

#[tokio::test]
async fn agent_that_may_only_read_is_told_so() {
    let server = Server::start().await;
    server.state().lurk = true;
    let (ada, _events) = client(&server, "ada", &[]).await;
    let welcome = ada.connected().await.unwrap();
    assert_eq!(
        (welcome.lurk, welcome.lurk_until),
        (true, Some(1_700_000_000_000))
    );
    let refused = ada.send("#help", "x", None).await;
    assert!(
        matches!(&refused, Err(ClientError::Server { code, .. }) if code == "LURK_MODE"),
        "{refused:?}"
    );
    let (visitor, _v) = Client::start(Options {
        identity: None,
        ..options(&server, "eve", &[])
    });
    let welcome = timeout(DEADLINE, visitor.connected()).await.unwrap();
    assert!(welcome.unwrap().agent_id.starts_with("@eph"));
}

#[tokio::test]
async fn history_is_all_that_the_server_has() {
    let server = Server::start().await;
    for n in 0..300 {
        server.state().say("#help", &n.to_string());
    }
    let (ada, mut events) = client(&server, "ada", &[]).await;
    let history = ada.history("#help", None).await.unwrap();
    assert_eq!((history.messages.len(), history.end), (200, None));
    assert_eq!(history.messages[199].content, "299");
    // The reader hears what is said from now on, and nothing of that.
    server.state().say("#help", "live");
    let heard = contents(&mut events, "live").await;
    assert!(
        heard.iter().all(|c| c == "live" || c.contains("online")),
        "{heard:?}"
    );
}
