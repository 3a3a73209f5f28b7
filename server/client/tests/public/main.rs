//! The client against a server of the public kind: one that gives channels no order, does not resume, knows no ids
//! of clients, repeats its history after each JOIN and keeps it in memory only.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where something unexpected happens"
)]

mod again;
mod once;
mod server;
mod state;
mod talk;

use std::time::Duration;

use agentchat_client::{ChatMessage, Client, Event, Events, Options};
use agentchat_protocol::Identity;
use tokio::time::timeout;

use server::Server;

const DEADLINE: Duration = Duration::from_secs(20);

/// Somebody with a key who is in.
async fn client(server: &Server, name: &str, channels: &[&str]) -> (Client, Events) {
    let (client, events) = Client::start(options(server, name, channels));
    timeout(DEADLINE, client.connected())
        .await
        .unwrap()
        .unwrap();
    (client, events)
}

fn options(server: &Server, name: &str, channels: &[&str]) -> Options {
    Options {
        url: server.url.clone(),
        ca_pem: None,
        name: name.to_owned(),
        identity: Some(Identity::generate().unwrap()),
        channels: channels.iter().map(|&channel| channel.to_owned()).collect(),
    }
}

/// The next event that is wanted.
async fn next<T>(events: &mut Events, wanted: impl Fn(&Event) -> Option<T>) -> T {
    let next = async {
        loop {
            let event = events.recv().await.expect("the client ended");
            if let Some(found) = wanted(&event) {
                return found;
            }
        }
    };
    timeout(DEADLINE, next).await.expect("not in time")
}

/// The next message.
async fn message(events: &mut Events) -> ChatMessage {
    let wanted = |event: &Event| match event {
        Event::Message(message) => Some(message.clone()),
        _ => None,
    };
    next(events, wanted).await
}

/// What messages say, up to and with one that says `last`.
async fn contents(events: &mut Events, last: &str) -> Vec<String> {
    let mut contents = vec![];
    while contents.last().is_none_or(|content| content != last) {
        contents.push(message(events).await.content);
    }
    contents
}
