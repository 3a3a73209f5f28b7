//! Saying something once, where the server would say it again.

use std::time::Duration;

use crate::{client, contents, server::Server, state::Cut};

const LIMIT: Duration = Duration::from_secs(20);

fn said(server: &Server, words: &str) -> Vec<String> {
    let state = server.state();
    let buffer = &state.channels["#help"].buffer;
    let said = buffer.iter().filter(|m| m["content"] == words);
    said.map(|m| m["msg_id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn message_is_sent_once_however_often_the_connection_breaks() {
    let server = Server::start().await;
    let (ada, mut events) = client(&server, "ada", &["#help"]).await;
    for (n, cut) in [
        Cut::AfterItWasTaken,
        Cut::BeforeItIsTaken,
        Cut::AfterItWasTaken,
    ]
    .into_iter()
    .enumerate()
    {
        let words = format!("word {n}");
        server.state().cut = Some(cut);
        let sent = ada.send_once("#help", &words, None, LIMIT).await.unwrap();
        assert_eq!(said(&server, &words), [sent.msg_id], "{cut:?}");
        let heard = contents(&mut events, &words).await;
        assert_eq!(heard.iter().filter(|c| **c == words).count(), 1);
    }
}

#[tokio::test]
async fn same_text_sent_before_is_another_message() {
    let server = Server::start().await;
    let (ada, _events) = client(&server, "ada", &[]).await;
    ada.send_once("#help", "yes", None, LIMIT).await.unwrap();
    server.state().cut = Some(Cut::BeforeItIsTaken);
    let second = ada.send_once("#help", "yes", None, LIMIT).await.unwrap();
    let said = said(&server, "yes");
    assert_eq!((said.len(), &said[1]), (2, &second.msg_id));
}
